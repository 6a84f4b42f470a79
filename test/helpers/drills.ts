import type { As, TestApp } from './app.ts';

/** Fault drills through the graph. */

const FIELDS =
  'faultDrill { id integration seed clockFrom startedAt endsAt endedAt rules { operation fault nth probability ms status retryAfterSeconds } } userErrors { code field details }';
const START = `mutation ($input: StartFaultDrillInput!) { startFaultDrill(input: $input) { ${FIELDS} } }`;
const STOP = `mutation ($input: StopFaultDrillInput!) { stopFaultDrill(input: $input) { ${FIELDS} } }`;

export interface Rule {
  readonly operation: string;
  readonly fault: string;
  readonly nth?: number;
  readonly probability?: number;
  readonly ms?: number;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
}

export class Driller {
  readonly #world: TestApp;
  readonly #as: As;

  constructor(world: TestApp, as: As) {
    this.#world = world;
    this.#as = as;
  }

  /** The answer as it is, refused or not. */
  async ask(integration: string, rules: readonly Rule[], more: object = {}): Promise<any> {
    const { startFaultDrill } = await this.#world.data(this.#as, START, { input: { integration, rules, ...more } });
    return startFaultDrill;
  }

  async start(integration: string, rules: readonly Rule[], more: object = {}): Promise<any> {
    const { faultDrill, userErrors } = await this.ask(integration, rules, more);
    if (!faultDrill) throw new Error(`No drill: ${JSON.stringify(userErrors)}`);
    return faultDrill;
  }

  async stop(integration: string): Promise<any> {
    return (await this.#world.data(this.#as, STOP, { input: { integration } })).stopFaultDrill;
  }

  async on(): Promise<any[]> {
    return (await this.#world.data(this.#as, '{ faultDrills { integration seed endsAt rules { fault } } }'))
      .faultDrills;
  }
}
