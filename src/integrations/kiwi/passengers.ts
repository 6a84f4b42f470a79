import { Temporal } from 'temporal-polyfill';
import type { BookInput, Passenger, ProviderConnection } from '../travel.ts';
import { numberSetting, textSetting } from './settings.ts';
import type { CheckedToken } from './token.ts';

/** The passengers and bags of save_booking, pure: everything the vendor would refuse is refused before anything is sent. */

export type Category = 'adult' | 'child' | 'infant';

interface SavedPassenger {
  readonly name: string;
  readonly surname: string;
  readonly title?: 'Mr' | 'Ms';
  readonly category: Category;
  readonly birthday: string;
  readonly nationality?: string;
  readonly cardno?: string;
  readonly expiration?: string | null;
  readonly email?: string;
  readonly phone?: string;
}

export interface SavedParty {
  readonly passengers: readonly SavedPassenger[];
  readonly baggage: readonly { readonly combination: unknown; readonly passengers: readonly number[] }[];
  /** Everything in it that is about a person. */
  readonly personal: readonly string[];
}

/** Plus and 8 to 15 digits (travel-providers.md 3.4). */
const PHONE = /^\+[1-9]\d{7,14}$/;
/** A bar would divide first from middle name; a line end is nobody's. */
const NAME = /^[^|\p{C}]{1,100}$/u;
const DOCUMENT_LENGTH_MAX = 20;

/** @returns the sentence that says why this party can't be saved; it names nobody */
export function toParty(
  connection: ProviderConnection,
  { travellers, contactEmail, contactPhone }: BookInput,
  offer: CheckedToken,
): SavedParty | string {
  if (!('passengers' in travellers)) return 'a flight is booked for passengers';
  const people = travellers.passengers;
  const ages = people.map((one) => ageOn(offer.departure, one.birthDate));
  if (!ages.every((age) => age !== null)) return 'a birth date is none, or after the day of travel';
  const categories = ages.map((age) => categoryOf(age, offer.ages));
  const unfit = refusalOf(people, categories, offer, numberSetting(connection, 'DOCUMENTS_FROM', 9));
  if (unfit !== null) return unfit;
  const email = textSetting(connection, 'PARTNER_EMAIL') || contactEmail;
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) return 'the contact e-mail address is none';
  if (contactPhone === null || !PHONE.test(contactPhone)) {
    return 'the vendor needs a contact phone: plus and 8 to 15 digits';
  }
  const contact = categories.indexOf('adult');
  const passengers = people.map((one, index) => ({
    ...toPassenger(one, categories[index]!),
    ...(index === contact && { email, phone: contactPhone }),
  }));
  return { passengers, baggage: toBaggage(categories, offer), personal: personalOf(people, [email, contactPhone]) };
}

/** Whole years on a day; null where one is no date, or nobody was born yet. */
export function ageOn(day: string, birthDate: string): number | null {
  try {
    const born = Temporal.PlainDate.from(birthDate, { overflow: 'reject' });
    const { years, sign } = born.until(Temporal.PlainDate.from(day), { largestUnit: 'years' });
    return sign < 0 ? null : years;
  } catch {
    return null;
  }
}

export function categoryOf(age: number, ages: CheckedToken['ages']): Category {
  if (age >= ages.adult) return 'adult';
  return age >= ages.child ? 'child' : 'infant';
}

function refusalOf(
  people: readonly Passenger[],
  categories: readonly Category[],
  offer: CheckedToken,
  documentsFrom: number,
): string | null {
  const count = (category: Category): number => categories.filter((one) => one === category).length;
  if (count('adult') !== offer.adults || count('child') !== offer.children) {
    const [adults, children, infants] = [count('adult'), count('child'), count('infant')];
    return (
      `the offer is for ${offer.adults} adults and ${offer.children} children, ` +
      `the passengers are ${adults} adults, ${children} children and ${infants} infants on the day of travel`
    );
  }
  // The price of an infant is another one, and no search asks for it.
  if (count('infant') > 0) return 'the offer is for nobody under the age of a child';
  if (!people.every((one) => NAME.test(one.givenName.trim()) && NAME.test(one.familyName.trim()))) {
    return 'a name is empty, too long or has a bar in it';
  }
  if (people.some((one) => one.nationality !== null && !/^[A-Z]{2}$/i.test(one.nationality))) {
    return 'a nationality is no country code';
  }
  if (offer.documentNeed >= documentsFrom && people.some((one) => one.document === null)) {
    return 'this flight needs the travel document of every passenger when it is booked';
  }
  const isBad = ({ document }: Passenger): boolean => document !== null && !isDocument(document);
  return people.some(isBad) ? 'a travel document has no number the vendor takes, or no proper expiry date' : null;
}

function isDocument({ number, expiresOn }: NonNullable<Passenger['document']>): boolean {
  const isNumber = /^[\w/ -]+$/.test(number) && number.trim().length > 0 && number.length <= DOCUMENT_LENGTH_MAX;
  return isNumber && (expiresOn === null || ageOn('9999-12-31', expiresOn) !== null);
}

function toPassenger(one: Passenger, category: Category): SavedPassenger {
  return {
    name: one.givenName.trim(),
    surname: one.familyName.trim(),
    ...(one.title !== null && { title: one.title === 'MR' ? 'Mr' : 'Ms' }),
    category,
    birthday: one.birthDate,
    ...(one.nationality !== null && { nationality: one.nationality.toUpperCase() }),
    ...(one.document !== null && { cardno: one.document.number.trim(), expiration: one.document.expiresOn }),
  };
}

/** One combination for the hold and one for the hand, for every passenger, though nobody buys a bag. */
function toBaggage(categories: readonly Category[], { bags }: CheckedToken): SavedParty['baggage'] {
  return (['adult', 'child'] as const).flatMap((group) => {
    const passengers = categories.flatMap((category, index) => (category === group ? [index] : []));
    const chosen = bags[group];
    if (passengers.length === 0 || !chosen) return [];
    return [chosen.hold, chosen.hand].map((combination) => ({ combination, passengers }));
  });
}

function personalOf(people: readonly Passenger[], contact: readonly string[]): string[] {
  const ofOne = (one: Passenger): string[] => [
    one.givenName.trim(),
    one.familyName.trim(),
    one.birthDate,
    one.document?.number.trim() ?? '',
  ];
  return [...people.flatMap(ofOne), ...contact];
}
