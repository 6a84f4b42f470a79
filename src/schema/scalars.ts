import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped, type ValueNode } from 'graphql';
import {
  GraphQLCountryCode,
  GraphQLCurrency,
  GraphQLDateTime,
  GraphQLEmailAddress,
  GraphQLLocalDate,
  GraphQLLocale,
  GraphQLTimeZone,
  GraphQLURL,
} from 'graphql-scalars';

import { isLocalTime } from '../domain/business-hours.ts';
import { builder } from './builder.ts';

interface TextScalar {
  readonly name: string;
  readonly description: string;
  readonly specifiedByURL?: string;
  /** Longest text accepted, so that no pattern ever runs over a megabyte. */
  readonly charactersMax: number;
  /** Throws or answers false for text that is no such value. */
  readonly check: (text: string) => unknown;
}

// What was sent is never repeated in the message: it may be long, and it may be somebody's address.
function refusal(name: string, node?: ValueNode): GraphQLError {
  return new GraphQLError(`Not a valid ${name}.`, {
    ...(node && { nodes: node }),
    extensions: { code: 'INVALID_INPUT' },
  });
}

function textScalar(scalar: TextScalar): GraphQLScalarType<string, string> {
  const parse = (value: unknown, node?: ValueNode): string => {
    if (typeof value !== 'string' || value.length > scalar.charactersMax) throw refusal(scalar.name, node);
    let good: unknown;
    try {
      good = scalar.check(value);
    } catch {
      good = false;
    }
    if (good === false) throw refusal(scalar.name, node);
    return value;
  };
  return new GraphQLScalarType<string, string>({
    name: scalar.name,
    description: scalar.description,
    specifiedByURL: scalar.specifiedByURL ?? null,
    // What leaves was checked when it came in; checking it again would cost every row.
    coerceOutputValue: (value) => value as string,
    coerceInputValue: (value) => parse(value),
    coerceInputLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null, node),
  });
}

function parseDateTime(value: unknown, node?: ValueNode): Date {
  if (typeof value !== 'string' || value.length > 64) throw refusal('DateTime', node);
  try {
    return GraphQLDateTime.coerceInputValue(value);
  } catch {
    throw refusal('DateTime', node);
  }
}

const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  description: 'An instant, as RFC 3339 text such as 2026-11-01T10:15:30Z.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  coerceOutputValue: (value) => (value as Date).toISOString(),
  coerceInputValue: (value) => parseDateTime(value),
  coerceInputLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : null, node),
});

const JSON_DEPTH_MAX = 12;

function isShallow(value: unknown, left = JSON_DEPTH_MAX): boolean {
  if (value === null || typeof value !== 'object') return true;
  return left > 0 && Object.values(value).every((inner) => isShallow(inner, left - 1));
}

function parseJson(value: unknown, node?: ValueNode): unknown {
  if (!isShallow(value)) throw refusal('JSON', node);
  return value;
}

const AnyJson = new GraphQLScalarType<unknown, unknown>({
  name: 'JSON',
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  coerceOutputValue: (value) => value,
  coerceInputValue: (value) => parseJson(value),
  coerceInputLiteral: (node) => parseJson(valueFromASTUntyped(node), node),
});

// The library takes codes in any case; two spellings of one code would be two currencies to a comparison.
function isUpperCase(text: string): boolean {
  return text === text.toUpperCase();
}

const textScalars = {
  Date: textScalar({
    name: 'Date',
    description: 'A local calendar day without a zone, such as 2026-11-01.',
    charactersMax: 10,
    check: (text) => GraphQLLocalDate.coerceInputValue(text),
  }),
  LocalTime: textScalar({
    name: 'LocalTime',
    description: "HH:MM of the clock on the wall in the tenant's zone; 24:00 is the end of a day.",
    charactersMax: 5,
    check: isLocalTime,
  }),
  TimeZone: textScalar({
    name: 'TimeZone',
    description: 'A zone of the IANA time zone database, such as Africa/Cairo.',
    specifiedByURL: 'https://www.iana.org/time-zones',
    charactersMax: 64,
    check: (text) => GraphQLTimeZone.coerceInputValue(text),
  }),
  Decimal: textScalar({
    name: 'Decimal',
    description: 'An exact decimal number as text, such as "12.50". Never a float: a JSON number is refused.',
    charactersMax: 32,
    check: (text) => /^-?(0|[1-9]\d{0,17})(\.\d{1,8})?$/.test(text),
  }),
  CurrencyCode: textScalar({
    name: 'CurrencyCode',
    description: 'A currency, as ISO 4217 names it, such as EGP.',
    specifiedByURL: 'https://www.iso.org/iso-4217-currency-codes.html',
    charactersMax: 3,
    check: (text) => isUpperCase(text) && GraphQLCurrency.coerceInputValue(text),
  }),
  CountryCode: textScalar({
    name: 'CountryCode',
    description: 'A country, as ISO 3166-1 alpha-2 names it, such as EG.',
    charactersMax: 2,
    check: (text) => isUpperCase(text) && GraphQLCountryCode.coerceInputValue(text),
  }),
  Locale: textScalar({
    name: 'Locale',
    description: 'A language tag (BCP 47), such as ar-EG.',
    specifiedByURL: 'https://www.rfc-editor.org/info/bcp47',
    charactersMax: 35,
    check: (text) => GraphQLLocale.coerceInputValue(text),
  }),
  EmailAddress: textScalar({
    name: 'EmailAddress',
    description: 'An e-mail address.',
    charactersMax: 254,
    check: (text) => GraphQLEmailAddress.coerceInputValue(text),
  }),
  PhoneNumber: textScalar({
    name: 'PhoneNumber',
    description: 'A telephone number in E.164 form, such as +201001234567.',
    charactersMax: 16,
    check: (text) => /^\+[1-9]\d{6,14}$/.test(text),
  }),
  // Other schemes would be run by a browser that follows the link.
  URL: textScalar({
    name: 'URL',
    description: 'An absolute http or https address.',
    specifiedByURL: 'https://url.spec.whatwg.org/',
    charactersMax: 2048,
    check: (text) => /^https?:\/\//i.test(text) && Boolean(GraphQLURL.coerceInputValue(text)),
  }),
  EventCursor: textScalar({
    name: 'EventCursor',
    description:
      'A position in the event journal. Opaque; valid on every instance and for every subscription of the tenant.',
    charactersMax: 512,
    check: () => true,
  }),
};

builder.addScalarType('DateTime', DateTime);
builder.addScalarType('JSON', AnyJson);
builder.addScalarType('Date', textScalars.Date);
builder.addScalarType('LocalTime', textScalars.LocalTime);
builder.addScalarType('TimeZone', textScalars.TimeZone);
builder.addScalarType('Decimal', textScalars.Decimal);
builder.addScalarType('CurrencyCode', textScalars.CurrencyCode);
builder.addScalarType('CountryCode', textScalars.CountryCode);
builder.addScalarType('Locale', textScalars.Locale);
builder.addScalarType('EmailAddress', textScalars.EmailAddress);
builder.addScalarType('PhoneNumber', textScalars.PhoneNumber);
builder.addScalarType('URL', textScalars.URL);
builder.addScalarType('EventCursor', textScalars.EventCursor);
