import type { SimulatorAnswer } from '../simulator/types.ts';
import { failure, invalid, reply, wrong, type Call, type Nested } from './simulator-answers.ts';
import { PROPERTIES, REGIONS, type Property, type Region } from './simulator-world.ts';

/** Places and contents (travel-providers.md 1.5). */

const INCLUDES = new Set(['standard', 'details', 'property_ids', 'property_ids_expanded']);
const LANGUAGE = /^[a-z]{2}-[A-Z]{2}$/;

export function regions(call: Call): SimulatorAnswer {
  const { query } = call.request;
  const errors = placeErrors(query, true);
  const limit = query.get('limit') ?? '100';
  if (!/^[1-9]\d{0,3}$/.test(limit)) errors.push(wrong('limit.invalid', 'limit', limit));
  if (errors.length > 0) return invalid(errors);
  const [code, country, type] = ['iata_location_code', 'country_code', 'type'].map((name) => query.get(name));
  const found = REGIONS.filter(
    (region) =>
      (code === null || region.code === code) &&
      (country === null || region.city.country === country) &&
      (type === null || region.type === type),
  );
  const shown = found.slice(0, Number(limit)).map((region) => shownRegion(region, query.getAll('include')));
  const answer = reply(call, 200, shown);
  return { ...answer, headers: { ...answer.headers, 'pagination-total-results': String(found.length) } };
}

export function region(call: Call, id: string): SimulatorAnswer {
  const { query } = call.request;
  const errors = placeErrors(query, false);
  if (errors.length > 0) return invalid(errors);
  const found = REGIONS.find((one) => one.id === id);
  if (!found) return failure(404, 'region.not_found', [{ name: 'region_id', type: 'path', value: id }]);
  return reply(call, 200, shownRegion(found, query.getAll('include')));
}

function placeErrors(query: URLSearchParams, isList: boolean): Nested[] {
  const errors: Nested[] = [];
  const language = query.get('language');
  if (language === null) errors.push(wrong('language.required', 'language', null));
  else if (!LANGUAGE.test(language)) errors.push(wrong('language.invalid', 'language', language));
  const includes = query.getAll('include');
  if (includes.length === 0) errors.push(wrong('include.required', 'include', null));
  for (const include of includes) {
    if (!INCLUDES.has(include)) errors.push(wrong('include.invalid', 'include', include));
    else if (include === 'standard' && !isList) errors.push(wrong('include.not_supported', 'include', include));
  }
  if (includes.includes('standard') && includes.includes('details')) {
    errors.push(wrong('include.not_supported', 'include', 'standard'));
  }
  return errors;
}

function shownRegion(region: Region, includes: readonly string[]): unknown {
  const described = includes.includes('standard') || includes.includes('details');
  return {
    id: region.id,
    type: region.type,
    ...(described && {
      name: region.name,
      name_full: `${region.name}, ${region.city.country}`,
      country_code: region.city.country,
      iata_airport_code: region.type === 'airport' ? region.code : undefined,
    }),
    ...(includes.includes('property_ids') && { property_ids: region.propertyIds }),
    ...(includes.includes('property_ids_expanded') && { property_ids_expanded: region.propertyIds }),
  };
}

const PROPERTIES_MAX = 250;

/** A map; what is not sold any more is left out. */
export function content(call: Call): SimulatorAnswer {
  const { query } = call.request;
  const errors: Nested[] = [];
  const language = query.get('language');
  if (language === null || !LANGUAGE.test(language)) errors.push(wrong('language.required', 'language', language));
  if (query.get('supply_source') !== 'expedia') {
    errors.push(wrong('supply_source.required', 'supply_source', query.get('supply_source')));
  }
  const ids = query.getAll('property_id');
  if (ids.length > PROPERTIES_MAX) errors.push(wrong('property_id.invalid_above_maximum', 'property_id', null));
  if (errors.length > 0) return invalid(errors);
  const includes = query.getAll('include');
  const found = ids.flatMap((id) => PROPERTIES.get(id) ?? []);
  return reply(call, 200, Object.fromEntries(found.map((one) => [one.id, shownContent(one, includes)])));
}

function shownContent(property: Property, includes: readonly string[]): unknown {
  const { city, stars, rooms, name, id } = property;
  const whole: Record<string, unknown> = {
    property_id: id,
    name,
    address: { line_1: `${id} Main Street`, city: city.name, country_code: city.country, postal_code: '00000' },
    ratings: { property: { rating: `${stars}.0`, type: 'Star' }, guest: { count: 120, overall: '8.4' } },
    category: { id: '1', name: 'Hotel' },
    rooms: Object.fromEntries(rooms.map((room) => [room.id, { id: room.id, name: room.name }])),
  };
  const names = Object.keys(whole).filter(
    (one) => one === 'property_id' || includes.length === 0 || includes.includes(one),
  );
  return Object.fromEntries(names.map((one) => [one, whole[one]]));
}
