import type { OutboundCall, Outcome } from '../contract.ts';
import { notDone } from '../outcome.ts';
import type { LodgingClient, ProviderClientOptions, ProviderConnection } from '../travel.ts';
import { book } from './book.ts';
import { billingAddress } from './booking.ts';
import { cancel } from './cancel.ts';
import { check } from './check.ts';
import type { ExpediaOptions } from './exchange.ts';
import { confirm } from './hold.ts';
import { VISIBLE_AFTER_MS, lookUp } from './itinerary.ts';
import { readNotice } from './notice.ts';
import { probe } from './places.ts';
import { profileOf, type Profile } from './profile.ts';
import { searchStays } from './search.ts';
import { createClockOffsets } from './signature.ts';

/** Expedia Group's Rapid API, version 3 (travel-providers.md section 1). */
export function createExpediaClient(given: ProviderClientOptions): LodgingClient {
  const options: ExpediaOptions = { ...given, offsets: createClockOffsets() };
  /** Nothing is sent through a connection that leads where it must not. */
  const through = async <T>(
    connection: ProviderConnection,
    work: (profile: Profile) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> => {
    const profile = profileOf(connection);
    return 'kind' in profile ? profile : work(profile);
  };
  return {
    recovery: 'byReference',
    holds: true,
    visibleAfterMs: VISIBLE_AFTER_MS,
    probe: (connection, call) => through(connection, (profile) => proven(options, profile, call)),
    searchStays: (connection, query, call) =>
      through(connection, (profile) => searchStays(options, profile, query, call)),
    check: (connection, offer, traveller, call) =>
      through(connection, (profile) => check(options, profile, { offer, traveller, call })),
    book: (connection, input, call) => through(connection, (profile) => book(options, profile, input, call)),
    confirm: (connection, booked, call) => through(connection, (profile) => confirm(options, profile, booked, call)),
    lookUp: (connection, booked, call) =>
      through(connection, (profile) => lookUp(options, { profile, traveller: booked.traveller, call }, booked)),
    cancel: (connection, booked, call) => through(connection, (profile) => cancel(options, profile, booked, call)),
    readNotice,
  };
}

/** A connection that could search and not book would take orders it can't fulfil: so settings are proven, too. */
function proven(options: ExpediaOptions, profile: Profile, call: OutboundCall): Promise<Outcome<null>> {
  const address = billingAddress(profile);
  if ('refused' in address) return Promise.resolve(notDone('misconfigured', address.refused));
  return probe(options, profile, call);
}
