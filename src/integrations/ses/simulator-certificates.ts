import { generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';

/** An authority of the simulator's own and a certificate by it, for an SNS that nobody else would vouch for. Written as DER by hand. */

export interface SigningIdentity {
  /** The certificate, and after it the authority's. */
  readonly pem: string;
  readonly privateKeyPem: string;
}

const YEARS_VALID = 10;

export function makeSigningIdentity(commonName: string, now: Date): SigningIdentity {
  const authority = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const service = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const name = 'Simulated Trust Services';
  const common = { now, issuer: name, signer: authority.privateKey };
  const root = certificate({ ...common, serial: 1, subject: name, key: authority.publicKey, isAuthority: true });
  const leaf = certificate({ ...common, serial: 2, subject: commonName, key: service.publicKey, isAuthority: false });
  return {
    pem: `${leaf}${root}`,
    privateKeyPem: service.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

interface Wanted {
  readonly serial: number;
  readonly issuer: string;
  readonly subject: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly isAuthority: boolean;
  readonly now: Date;
}

function certificate(wanted: Wanted): string {
  const until = new Date(wanted.now);
  until.setUTCFullYear(until.getUTCFullYear() + YEARS_VALID);
  const constraints = sequence(...(wanted.isAuthority ? [tagged(0x01, Buffer.from([0xff]))] : []));
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.from([wanted.serial])),
    SHA256_WITH_RSA,
    nameOf(wanted.issuer),
    sequence(time(new Date(wanted.now.getTime() - 86_400_000)), time(until)),
    nameOf(wanted.subject),
    wanted.key.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(sequence(BASIC_CONSTRAINTS, tagged(0x04, constraints)))),
  );
  const signature = sign('RSA-SHA256', body, wanted.signer);
  const bits = tagged(0x03, Buffer.concat([Buffer.from([0]), signature]));
  return new X509Certificate(sequence(body, SHA256_WITH_RSA, bits)).toString();
}

function nameOf(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(COMMON_NAME, tagged(0x0c, Buffer.from(commonName)))));
}

/** GeneralizedTime is for 2050 and later, and is read everywhere before that, too; years before are UTCTime by the standard. */
function time(at: Date): Buffer {
  const digits = at.toISOString().replaceAll(/[-:T]|\.\d{3}/g, '');
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function objectId(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'));
}

/** 1.2.840.113549.1.1.11, 2.5.4.3 and 2.5.29.19. */
const SHA256_WITH_RSA = sequence(objectId('2a864886f70d01010b'), tagged(0x05, Buffer.alloc(0)));
const COMMON_NAME = objectId('550403');
const BASIC_CONSTRAINTS = objectId('551d13');
