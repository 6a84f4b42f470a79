/** What a product of the catalogue may be (TEN-7), and how one is found by words. */
import { invalidInput } from '../errors.ts';
import { isCurrency, parseAmount, parseRate } from './money.ts';

type Given<T> = T | null | undefined;

/** As somebody writes a product down; what is left out stays, or is the default of a new one. */
export interface ProductFields {
  readonly code?: Given<string>;
  readonly name: string;
  readonly description?: Given<string>;
  readonly price: { readonly amount: string; readonly currencyCode: string };
  readonly taxRate?: Given<string>;
  readonly category: string;
  readonly active?: Given<boolean>;
  readonly stock?: Given<number>;
  readonly images?: Given<readonly string[]>;
  readonly bookable?: Given<boolean>;
  readonly durationMinutes?: Given<number>;
  readonly bufferMinutes?: Given<number>;
  readonly capacity?: Given<number>;
}

/** A product as it is kept. */
export interface Product {
  readonly code: string | null;
  readonly name: string;
  readonly description: string | null;
  readonly priceMinor: bigint;
  readonly currencyCode: string;
  /** In percent, as text; null where no tax applies. */
  readonly taxRate: string | null;
  readonly category: string;
  readonly active: boolean;
  readonly stock: number;
  readonly images: readonly string[];
  readonly bookable: boolean;
  readonly durationMinutes: number | null;
  readonly bufferMinutes: number | null;
  readonly capacity: number | null;
}

const NAME_MAX = 200;
const DESCRIPTION_MAX = 5_000;
/** Far from the end of an integer, so that what orders give back always fits. */
export const STOCK_MAX = 1_000_000_000;
const IMAGES_MAX = 20;
const IMAGE_CHARACTERS_MAX = 2_048;
const MINUTES_MAX = 1_440;
const CAPACITY_MAX = 1_000;

const UNMADE: Pick<Product, 'active' | 'stock' | 'images' | 'bookable'> = {
  active: true,
  stock: 0,
  images: [],
  bookable: false,
};

/**
 * The product that comes of what was written over the one before.
 * @param before null: a new one. Null takes away what may be missing: code, description, tax, times and capacity of one's own.
 * @throws AppError INVALID_INPUT with the field's path under `at`
 */
export function productOf(before: Product | null, fields: ProductFields, at: readonly string[] = ['input']): Product {
  const path = (name: string) => [...at, name];
  const orBefore = <T>(
    given: Given<T>,
    name: 'code' | 'description' | 'durationMinutes' | 'bufferMinutes' | 'capacity',
  ) => (given === undefined ? ((before?.[name] ?? null) as T | null) : given);
  const base = before ?? UNMADE;
  const { amount, currencyCode } = fields.price;
  if (!isCurrency(currencyCode)) throw invalidInput('This is not a currency.', [...path('price'), 'currencyCode']);
  const priceMinor = parseAmount(amount, currencyCode, [...path('price'), 'amount']);
  if (priceMinor < 0n) throw invalidInput('A price is not negative.', [...path('price'), 'amount']);
  return {
    code: checkedCode(orBefore(fields.code, 'code'), path('code')),
    name: checkedText(fields.name, NAME_MAX, path('name')),
    description: describedBy(orBefore(fields.description, 'description'), path('description')),
    priceMinor,
    currencyCode,
    taxRate: checkedTax(fields.taxRate === undefined ? (before?.taxRate ?? null) : fields.taxRate, path('taxRate')),
    category: checkedCategory(fields.category, path('category')),
    active: fields.active ?? base.active,
    stock: inRange(fields.stock ?? base.stock, 0, STOCK_MAX, path('stock')),
    images: checkedImages(fields.images ?? base.images, path('images')),
    bookable: fields.bookable ?? base.bookable,
    durationMinutes: orNull(
      orBefore(fields.durationMinutes, 'durationMinutes'),
      5,
      MINUTES_MAX,
      path('durationMinutes'),
    ),
    bufferMinutes: orNull(orBefore(fields.bufferMinutes, 'bufferMinutes'), 0, MINUTES_MAX, path('bufferMinutes')),
    capacity: orNull(orBefore(fields.capacity, 'capacity'), 1, CAPACITY_MAX, path('capacity')),
  };
}

function checkedText(text: string, max: number, field: readonly string[]): string {
  if (text.trim() === '' || text.length > max) throw invalidInput(`This needs from 1 to ${max} characters.`, field);
  return text;
}

function describedBy(text: string | null, field: readonly string[]): string | null {
  return text === null || text === '' ? null : checkedText(text, DESCRIPTION_MAX, field);
}

function checkedCode(code: string | null, field: readonly string[]): string | null {
  if (code !== null && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(code))
    throw invalidInput('A code has letters, digits, dots, hyphens and underscores, 64 at most.', field);
  return code;
}

function checkedTax(rate: string | null, field: readonly string[]): string | null {
  return rate === null ? null : parseRate(rate, field).text;
}

function checkedCategory(category: string, field: readonly string[]): string {
  if (!/^[a-z][a-z0-9-]{0,59}$/.test(category))
    throw invalidInput('A category is a word such as consultation or travel-books: a-z, digits and hyphens.', field);
  return category;
}

// Shown on pages that are loaded by https: a browser would refuse anything else.
function checkedImages(images: readonly string[], field: readonly string[]): readonly string[] {
  if (images.length > IMAGES_MAX) throw invalidInput(`A product has ${IMAGES_MAX} images at most.`, field);
  for (const image of images) {
    const url = URL.canParse(image) ? new URL(image) : null;
    if (url?.protocol !== 'https:' || url.username || url.password || image.length > IMAGE_CHARACTERS_MAX)
      throw invalidInput(`An image is an https address of ${IMAGE_CHARACTERS_MAX} characters at most.`, field);
  }
  return images;
}

function orNull(value: number | null, min: number, max: number, field: readonly string[]): number | null {
  return value === null ? null : inRange(value, min, max, field);
}

function inRange(value: number, min: number, max: number, field: readonly string[]): number {
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalidInput(`This is a whole number from ${min} to ${max}.`, field);
  return value;
}

/**
 * A text as searches compare it: without marks over letters, in one case, so that "cafe" finds "Café" and "STRASSE" finds "Straße". Upper
 * case, because it knows no final letters of another form.
 */
export function folded(text: string): string {
  return text.normalize('NFKD').replaceAll(/\p{M}/gu, '').toUpperCase();
}

/** What of a product is searched. */
export function searchedText(product: { readonly name: string; readonly description: string | null }): string {
  return folded(`${product.name}\n${product.description ?? ''}`);
}

const SEARCH_CHARACTERS_MAX = 200;
const WORDS_MAX = 8;

/**
 * The patterns (SQL LIKE) of which a product must match all: its words in any order, the longest first. None: nothing was sought.
 * @throws AppError INVALID_INPUT for more than 200 characters or 8 words
 */
export function searchPatterns(search: string, field: readonly string[] = ['search']): string[] {
  if (search.length > SEARCH_CHARACTERS_MAX)
    throw invalidInput(`A search has ${SEARCH_CHARACTERS_MAX} characters at most.`, field);
  const words = [
    ...new Set(
      folded(search)
        .split(/\s+/u)
        .filter((word) => word !== ''),
    ),
  ];
  if (words.length > WORDS_MAX) throw invalidInput(`A search has ${WORDS_MAX} words at most.`, field);
  return words
    .toSorted((a, b) => b.length - a.length)
    .map((word) => `%${word.replaceAll(/[\\%_]/g, (character) => `\\${character}`)}%`);
}
