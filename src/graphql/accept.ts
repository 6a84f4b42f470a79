export const JSON_TYPE = 'application/json';
export const RESPONSE_TYPE = 'application/graphql-response+json';
export type ResultType = typeof JSON_TYPE | typeof RESPONSE_TYPE;

const KNOWN: ReadonlyMap<string, ResultType> = new Map([
  [RESPONSE_TYPE, RESPONSE_TYPE],
  [JSON_TYPE, JSON_TYPE],
  ['*/*', JSON_TYPE],
  ['application/*', JSON_TYPE],
]);

/**
 * The type of answer a client wants (GraphQL over HTTP): the first it names that we can give. Clients list what they prefer first; without
 * a preference they get the older type. Null where they want something else, such as an event stream.
 */
export function resultTypeOf(accept: string | undefined): ResultType | null {
  if (accept === undefined || accept === '') return JSON_TYPE;
  const plain = KNOWN.get(accept);
  if (plain) return plain;
  for (const part of accept.split(',', 10)) {
    const [name = '', ...parameters] = part.split(';');
    const type = KNOWN.get(name.trim().toLowerCase());
    const charset = parameters
      .map((parameter) => parameter.trim().toLowerCase())
      .find((parameter) => parameter.startsWith('charset='));
    if (type && (charset === undefined || charset === 'charset=utf-8')) return type;
    if (!type) return null;
  }
  return null;
}

/** True where the client asks for an event stream before any other answer that we can give: many name all they could read. */
export function wantsEventStream(accept: string | undefined): boolean {
  if (!accept?.includes(EVENT_STREAM_TYPE)) return false;
  const names = accept.split(',', 10).map((part) => part.split(';')[0]!.trim().toLowerCase());
  return names.find((name) => name === EVENT_STREAM_TYPE || KNOWN.has(name)) === EVENT_STREAM_TYPE;
}

const EVENT_STREAM_TYPE = 'text/event-stream';
