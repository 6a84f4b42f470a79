import fs from 'node:fs';
import path from 'node:path';
import type { Deliveries } from './deliveries.ts';
import type { Drills } from './drills.ts';
import type { Fault, Scenarios } from './scenario.ts';
import { openStore, type Store } from './store.ts';
import type { CreateSimulator, Simulator, SimulatorAnswer, SimulatorWorld } from './types.ts';

/** Which simulated vendor a request meets: the one of everybody, or under a drill's name one that has its own books. */
export interface Vendors {
  readonly names: readonly string[];
  /** @param drill whose books; those of everybody where it has none of its own */
  simulator(integration: string, drill?: string | null): Simulator | undefined;
  /** The vendor as a request meets it; undefined where there is none. */
  met(integration: string, drill: string | null): Met | undefined;
  /** In everybody's books and in those of every drill. @throws Error with a sentence for the caller */
  putAccount(integration: string, id: string, settings: unknown): void;
  close(): void;
}

export interface Met {
  readonly simulator: Simulator;
  /** Counts the call and says which fault it meets. */
  next(account: string, operation: string): Fault | null;
}

export interface VendorsOptions {
  readonly creators: Readonly<Record<string, CreateSimulator>>;
  readonly directory: string;
  /** What pages and redirects are addressed by. */
  readonly url: string;
  readonly now: () => Date;
  /** Where the machinery keeps what it needs. */
  readonly shared: Store;
  readonly scenarios: Scenarios;
  readonly deliveries: Deliveries;
  readonly drills: Drills;
}

/** A vendor with its books. */
interface Opened {
  readonly simulator: Simulator;
  /** As seen from a drill without books of its own: what it addresses leads back into the drill. */
  under(drill: string): Simulator;
  close(): void;
}

const ACCOUNTS = 'accounts';

export function openVendors(options: VendorsOptions): Vendors {
  const { creators, directory, shared, scenarios, drills } = options;
  const names = Object.keys(creators);
  const everybodys = new Map(names.map((name) => [name, openEverybodys(options, name)]));
  const own = new Map<string, Opened>();
  const folder = path.join(directory, 'drills');
  const keyOf = (drill: string, integration: string): string => `${integration}.${drill}`;

  const shut = (drill: string, integration: string, forGood: boolean): void => {
    const key = keyOf(drill, integration);
    own.get(key)?.close();
    own.delete(key);
    if (forGood) fs.rmSync(path.join(folder, `${key}.journal`), { force: true });
  };
  const open = (drill: string, integration: string): Opened => {
    const opened = openOwn(options, { drill, integration, store: openStore(folder, keyOf(drill, integration)) });
    for (const [place, settings] of shared.entries<unknown>(ACCOUNTS)) {
      const [name, id = ''] = place.split('/');
      if (name === integration) opened.simulator.putAccount(id, settings);
    }
    own.set(keyOf(drill, integration), opened);
    return opened;
  };
  const find = (integration: string, drill: string | null): Simulator | undefined => {
    const usual = everybodys.get(integration);
    const state = drill === null || usual === undefined ? null : drills.running(drill, integration);
    if (state === null) return usual?.simulator;
    if (!state.ownBooks) return usual!.under(drill!);
    return (own.get(keyOf(drill!, integration)) ?? open(drill!, integration)).simulator;
  };

  drills.onForgotten((drill, integration) => shut(drill, integration, true));
  return {
    names,
    simulator: (integration, drill = null) => find(integration, drill),
    met: (integration, drill) => {
      const simulator = find(integration, drill);
      if (simulator === undefined) return undefined;
      const isDrilled = drill !== null && drills.running(drill, integration) !== null;
      return {
        simulator,
        next: (account, operation) =>
          scenarios.next(integration, isDrilled ? drills.accountOf(drill) : account, operation),
      };
    },
    putAccount: (integration, id, settings) => {
      everybodys.get(integration)?.simulator.putAccount(id, settings);
      shared.put(ACCOUNTS, `${integration}/${id}`, settings);
      for (const [key, { simulator }] of own) if (key.startsWith(`${integration}.`)) simulator.putAccount(id, settings);
    },
    close: () => [...everybodys.values(), ...own.values()].forEach((opened) => opened.close()),
  };
}

function openEverybodys(options: VendorsOptions, integration: string): Opened {
  const { directory, url, now, scenarios, deliveries, creators } = options;
  const store = openStore(directory, integration);
  // Whatever a simulator does is done in one go, so this cannot be another request's.
  let within: string | null = null;
  const simulator = creators[integration]!({
    store,
    get baseUrl() {
      return addressOf(url, within, integration);
    },
    now,
    seedOf: (account) => seedOf(scenarios, integration, account),
    send: (hook) => deliveries.add(integration, hook),
  });
  const under = (drill: string): Simulator => ({
    ...simulator,
    perform: (...call): SimulatorAnswer => {
      within = drill;
      try {
        return simulator.perform(...call);
      } finally {
        within = null;
      }
    },
  });
  return { simulator, under, close: () => store.close() };
}

function openOwn(
  { url, now, scenarios, deliveries, drills, creators }: VendorsOptions,
  { drill, integration, store }: { readonly drill: string; readonly integration: string; readonly store: Store },
): Opened {
  const account = drills.accountOf(drill);
  const simulator = creators[integration]!({
    store,
    baseUrl: addressOf(url, drill, integration),
    now,
    seedOf: () => seedOf(scenarios, integration, account),
    send: (hook) => deliveries.add(integration, { ...hook, account }),
  });
  return { simulator, under: () => simulator, close: () => store.close() };
}

/** The path under which a request belongs to a drill. */
function addressOf(url: string, drill: string | null, integration: string): string {
  return drill === null ? `${url}/${integration}` : `${url}/_drill/${drill}/${integration}`;
}

function seedOf(scenarios: Scenarios, integration: string, account: string): ReturnType<SimulatorWorld['seedOf']> {
  const scenario = scenarios.get(integration, account);
  return scenario?.seed === undefined ? null : { seed: scenario.seed, startAt: scenario.startAt };
}
