import { authorize } from '../access.ts';
import type { ClientFacts, Context } from '../context.ts';
import { parseAmount } from '../domain/money.ts';
import { nightsOf, requireOccupancies, requireStay } from '../domain/stay.ts';
import { invalidInput } from '../errors.ts';
import type { FoundStay, ProviderSlug } from '../integrations/travel.ts';
import { openOffer, signOffer, type Offer } from '../offers.ts';
import type { Done } from '../operations.ts';
import type { Providers } from '../providers/contract.ts';
import { beginBooking, type BookingWish, type Wanted } from './booking-begin.ts';
import { guestsOf, requireContact, travellerOf } from './booking-input.ts';
import { OFFERS_MAX, search } from './search.ts';
import type { TakenDecision } from './routing.ts';

export interface StaySearchInput {
  readonly destination?: string | null;
  readonly propertyIds?: readonly string[] | null;
  readonly checkIn: string;
  readonly checkOut: string;
  readonly occupancies: readonly { readonly adults: number; readonly childAges: readonly number[] }[];
  readonly currencyCode: string;
  readonly countryCode: string;
  readonly locale?: string | null;
  readonly deadlineMs?: number | null;
}

export interface FoundStayOffer {
  readonly id: string;
  readonly providerSlug: string;
  readonly propertyId: string;
  readonly propertyName: string | null;
  readonly roomName: string;
  readonly totalMinor: bigint;
  readonly payAtPropertyMinor: bigint;
  readonly currencyCode: string;
  readonly refundable: boolean;
  readonly expiresAt: Date;
}

export interface SearchResult<Offer> {
  readonly taken: TakenDecision;
  readonly offers: readonly Offer[];
  readonly complete: boolean;
  readonly incompleteReason: string | null;
}

const PROPERTIES_MAX = 250;
const TEXT_MAX = 100;

/**
 * Searches lodging at the provider that routing chooses, and moves on from one that fails (PRV-10).
 * @throws INVALID_INPUT
 */
export async function searchStays(ctx: Context, input: StaySearchInput): Promise<SearchResult<FoundStayOffer>> {
  authorize(ctx, 'search.stays');
  requireStay(input, ctx.app.clock.now());
  requireOccupancies(input.occupancies);
  const { checkIn, checkOut, occupancies, currencyCode, countryCode } = input;
  const locale = input.locale ?? 'en';
  const places = placesOf(input);
  const ask = { currencyCode, countryCode, locale, travelDate: checkIn, deadlineMs: input.deadlineMs ?? null };
  const answer = await ctx.reads.pauseFor(() =>
    search<'LODGING', FoundStay>(
      { ctx, vertical: 'LODGING', ask },
      {
        questionFor: ({ providerSlug }, { isFirst }) => {
          const there = places.at(providerSlug, isFirst);
          return there && { ...there, checkIn, checkOut, occupancies, currencyCode, countryCode, locale };
        },
        work: (client, connection, call, { candidate, isFirst, traveller }) =>
          client.searchStays(
            connection,
            {
              ...places.at(candidate.providerSlug, isFirst)!,
              checkIn,
              checkOut,
              occupancies,
              currencyCode,
              traveller,
              offersMax: OFFERS_MAX,
            },
            call,
          ),
      },
    ),
  );
  const { taken, answeredBy, found } = answer;
  const about = {
    taken,
    input,
    locale,
    requestKey: answer.traveller.sessionId!,
    mode: await modeOf(ctx.app.providers, answeredBy),
  };
  const offers = found.offers.slice(0, OFFERS_MAX).map((stay) => offerOf(ctx, answeredBy!.providerSlug, stay, about));
  return { taken, offers, complete: found.complete, incompleteReason: found.incompleteReason };
}

export async function modeOf(from: Providers, answeredBy: { providerSlug: string } | null): Promise<Offer['mode']> {
  const { providers } = await from.catalogue();
  return providers.get(answeredBy?.providerSlug ?? '')?.mode ?? 'SANDBOX';
}

interface Place {
  readonly destination: string | null;
  readonly propertyIds: readonly string[];
}

/**
 * Where to look, in a provider's own words. A property is named `provider:id`, because the same number is another hotel
 * elsewhere; one without a provider is asked of the first candidate and of nobody else.
 */
function placesOf({ destination, propertyIds }: StaySearchInput): { at(slug: string, isFirst: boolean): Place | null } {
  const ids = propertyIds ?? [];
  if ((destination ? 1 : 0) + (ids.length > 0 ? 1 : 0) !== 1)
    throw invalidInput('Search either by destination or by properties.', ['input', 'destination']);
  if (ids.length > PROPERTIES_MAX)
    throw invalidInput(`At most ${PROPERTIES_MAX} properties are searched at once.`, ['input', 'propertyIds']);
  const tooLong = [destination ?? '', ...ids].some((text) => text.length > TEXT_MAX || text.trim() !== text);
  if (tooLong || ids.includes(''))
    throw invalidInput(`A place is named by 1 to ${TEXT_MAX} characters.`, [
      'input',
      destination ? 'destination' : 'propertyIds',
    ]);
  if (destination) return { at: () => ({ destination, propertyIds: [] }) };
  return {
    at(slug, isFirst) {
      const own = ids.filter((id) => id.startsWith(`${slug}:`)).map((id) => id.slice(slug.length + 1));
      const bare = isFirst ? ids.filter((id) => !id.includes(':')) : [];
      return own.length + bare.length === 0 ? null : { destination: null, propertyIds: [...own, ...bare] };
    },
  };
}

function offerOf(
  ctx: Context,
  providerSlug: string,
  stay: FoundStay,
  about: { taken: TakenDecision; input: StaySearchInput; locale: string; requestKey: string; mode: Offer['mode'] },
): FoundStayOffer {
  const { input, locale, requestKey, taken, mode } = about;
  const name = [stay.propertyName, stay.roomName].filter(Boolean).join(', ').slice(0, 200);
  const { id, expiresAt } = signOffer(
    ctx.app.vault,
    ctx.app.clock,
    {
      v: 1,
      kind: 'STAY',
      tenantId: ctx.scope.tenantId,
      providerSlug: providerSlug as ProviderSlug,
      mode,
      token: stay.token,
      totalMinor: String(stay.totalMinor),
      currencyCode: stay.currencyCode,
      countryCode: input.countryCode,
      locale,
      requestKey,
      decisionId: taken.id,
      stay: {
        propertyId: stay.propertyId,
        name,
        checkIn: input.checkIn,
        checkOut: input.checkOut,
        occupancies: input.occupancies,
      },
    },
    stay.expiresAt,
  );
  const { propertyName, roomName, totalMinor, currencyCode, refundable } = stay;
  const propertyId = `${providerSlug}:${stay.propertyId}`;
  return {
    id,
    providerSlug,
    propertyId,
    propertyName,
    roomName,
    totalMinor,
    payAtPropertyMinor: stay.payAtPropertyMinor ?? 0n,
    currencyCode,
    refundable,
    expiresAt,
  };
}

export interface BookStayInput {
  readonly offerId: string;
  readonly guests: readonly { givenName: string; familyName: string; room?: number | null }[];
  readonly contactEmail: string;
  readonly contactPhone?: string | null;
  readonly specialRequests?: string | null;
  readonly maxTotal?: string | null;
  readonly customerId?: string | null;
  readonly idempotencyKey?: string | null;
}

const REQUESTS_MAX = 1_000;

/**
 * Books a stay (decisions.md, "Money"): its price is checked first, and one above `maxTotal` is refused with the new
 * price. @throws as beginBooking
 */
export async function bookStay(ctx: Context, input: BookStayInput): Promise<Done> {
  authorize(ctx, 'booking.create');
  return beginBooking(ctx, 'bookStay', { ...input }, () => wishFor(ctx, input));
}

function wishFor(ctx: Context, input: BookStayInput): BookingWish {
  const { tenantId } = ctx.scope;
  const offer = openOffer(ctx.app.vault, ctx.app.clock, { id: input.offerId, kind: 'STAY', tenantId });
  const wanted = stayWanted(offer, input, { client: ctx.client, field: ['input'] });
  requireContact(input);
  return {
    ...wanted,
    mutation: 'bookStay',
    input: { ...input },
    maxTotalMinor: maxTotalOf(input.maxTotal ?? null, offer),
    customerId: input.customerId ?? null,
    orderType: 'STAY',
  };
}

/** A stay as it is to be booked. @param at who asks, and where in the input its fields stand @throws INVALID_INPUT */
export function stayWanted(
  offer: Offer,
  input: Pick<BookStayInput, 'guests' | 'contactEmail' | 'contactPhone' | 'specialRequests'>,
  { client, field }: { client: ClientFacts; field: readonly string[] },
): Wanted {
  const stay = offer.stay!;
  const guests = guestsOf(input.guests, stay.occupancies.length, [...field, 'guests']);
  if ((input.specialRequests?.length ?? 0) > REQUESTS_MAX)
    throw invalidInput(`Special requests have at most ${REQUESTS_MAX} characters.`, [...field, 'specialRequests']);
  return {
    offer,
    guests,
    passengers: null,
    contactEmail: input.contactEmail,
    contactPhone: input.contactPhone ?? null,
    specialRequests: input.specialRequests ?? null,
    traveller: travellerOf(offer, client),
    descriptions: descriptionsOf(stay),
    // Local days without a zone: midnight stands for the day, in UTC.
    startsAt: new Date(`${stay.checkIn}T00:00:00Z`),
    endsAt: new Date(`${stay.checkOut}T00:00:00Z`),
  };
}

/** What the caller will pay at most; what the offer said where they say nothing. */
export function maxTotalOf(maxTotal: string | null, offer: Offer): bigint {
  if (maxTotal === null) return BigInt(offer.totalMinor);
  return parseAmount(maxTotal, offer.currencyCode, ['input', 'maxTotal']);
}

type Stay = NonNullable<Offer['stay']>;

function descriptionsOf({ name, checkIn, checkOut, occupancies }: Stay): { locale: string; text: string }[] {
  const nights = nightsOf(checkIn, checkOut);
  const rooms = occupancies.length;
  return [
    { locale: 'en', text: `${name}: ${checkIn} to ${checkOut}, nights: ${nights}, rooms: ${rooms}` },
    { locale: 'ar', text: `${name}: من ${checkIn} إلى ${checkOut}، الليالي: ${nights}، الغرف: ${rooms}` },
    { locale: 'zh', text: `${name}：${checkIn} 至 ${checkOut}，晚數：${nights}，房間：${rooms}` },
  ];
}
