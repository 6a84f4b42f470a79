import type {
  Credentials,
  GatewayClaim,
  GatewayMethod,
  GatewayPaymentState,
  InitiateInput,
  PaymentForm,
  SurplusPayment,
} from '../contract.ts';
import { fromMajorUnits, toMajorUnits } from '../major-units.ts';
import { LEAST_AMOUNT_MINOR, PAYFAST_CURRENCY, fromStatementRand } from './money.ts';
import type { Notification } from './notification.ts';
import { checkoutText, phpTrim, signOrdered, type Field } from './signature.ts';
import type { StatementRow } from './statement.ts';

/** Pure conversion between PayFast's shapes and ours. */

/** The vendor's page lets the customer choose. */
const ANY_METHOD = 'all';

/** Fixed, because the vendor has no list to ask for: which ones an account may use shows on its page. */
export const METHODS: readonly GatewayMethod[] = [
  { id: ANY_METHOD, nameEn: 'PayFast', nameAr: 'باي فاست', kind: 'REDIRECT', logoUrl: null },
  { id: 'cc', nameEn: 'Credit card', nameAr: 'بطاقة ائتمان', kind: 'REDIRECT', logoUrl: null },
];

const NAME_LENGTH_MAX = 100;
const DESCRIPTION_LENGTH_MAX = 255;

/** The form a browser posts, or the sentence that says why this payment cannot be asked for at all. */
export function toForm(
  input: InitiateInput,
  credentials: Credentials,
  { action, redirectOrigins }: Pick<PaymentForm, 'action' | 'redirectOrigins'>,
): { form: PaymentForm } | { refused: string } {
  if (input.currencyCode !== PAYFAST_CURRENCY) return { refused: `the gateway takes ${PAYFAST_CURRENCY} only` };
  if (!/^[a-z]{2,10}$/.test(input.methodId)) return { refused: 'the payment method is no code' };
  if (!/^[\w-]{1,100}$/.test(input.paymentId)) return { refused: 'the payment id does not fit' };
  const amount = toMajorUnits(input.amountMinor);
  if (amount === null || input.amountMinor < LEAST_AMOUNT_MINOR) return { refused: 'the amount is below R5.00' };
  const fields = formFields(input, credentials, amount);
  const signature = signOrdered(checkoutText(fields), credentials['PASSPHRASE'] ?? '');
  const signed = Object.fromEntries([...fields, ['signature', signature]]);
  return { form: { action, fields: signed, ...(redirectOrigins && { redirectOrigins }) } };
}

/** In signing order, which is the order of posting (payment-gateways.md 2.3); what is blank is not posted. */
function formFields(input: InitiateInput, credentials: Credentials, amount: string): Field[] {
  const { customer, returnUrls } = input;
  const fields: Field[] = [
    ['merchant_id', credentials['MERCHANT_ID'] ?? ''],
    ['merchant_key', credentials['MERCHANT_KEY'] ?? ''],
    ['return_url', returnUrls.success],
    ['cancel_url', returnUrls.failure],
    ['notify_url', input.webhookUrl],
    ['name_first', cut(customer.firstName, NAME_LENGTH_MAX)],
    ['name_last', cut(customer.lastName, NAME_LENGTH_MAX)],
    ['email_address', emailOf(customer.email)],
    ['m_payment_id', input.paymentId],
    ['amount', amount],
    ['item_name', cut(`Order ${input.orderNumber}`, NAME_LENGTH_MAX)],
    [
      'item_description',
      cut(input.items.map((item) => `${item.quantity} ${item.name}`).join(', '), DESCRIPTION_LENGTH_MAX),
    ],
    ['payment_method', input.methodId === ANY_METHOD ? '' : input.methodId],
  ];
  return fields.map(([name, value]): Field => [name, phpTrim(value)]).filter(([, value]) => value !== '');
}

/** By characters, so that none is cut in two; line ends become blanks, because browsers rewrite them in a form. */
function cut(text: string, lengthMax: number): string {
  return Array.from(text.replace(/\s+/g, ' ')).slice(0, lengthMax).join('');
}

/** An address that is too long is left out: half of one is somebody else's. */
function emailOf(email: string | null): string {
  return email !== null && email.length <= NAME_LENGTH_MAX && /^\S+@\S+$/.test(email) ? email : '';
}

/**
 * What a confirmed notification says; before the vendor has confirmed it, nothing of it is believed. An attempt that failed leaves the
 * page open for another one: the claim says that it failed, and the payment itself goes on being waited for.
 */
export function toConfirmedState(claim: GatewayClaim, { fields }: Notification): GatewayPaymentState {
  const fee = fromMajorUnits(fields.get('amount_fee') ?? '');
  return {
    gatewayReference: claim.gatewayReference ?? '',
    status: claim.kind === 'PAID' ? 'PAID' : 'PENDING',
    amountMinor: claim.amountMinor,
    currencyCode: claim.currencyCode,
    paidAt: null,
    paymentId: claim.paymentId,
    methodName: null,
    gatewayKey: fields.get('pf_payment_id') ?? null,
    feeMinor: fee === null ? null : -fee,
  };
}

/**
 * The state of one of our payments by the statement, which knows money that came and nothing else: without a row the
 * payment is open. Several rows are several payments of the same form; the first counts, or the one already known.
 */
export function toSearchedState(
  rows: readonly StatementRow[],
  paymentId: string,
  knownKey: string | null,
): GatewayPaymentState {
  const ours = rows.filter(
    (row) => row.paymentId === paymentId && row.type === 'FUNDS_RECEIVED' && row.sign === 'CREDIT',
  );
  // Once each: pages of a statement overlap when it grows while it is read.
  const received = [...new Map(ours.map((row) => [row.gatewayPaymentId, row])).values()].toSorted((one, other) =>
    comparable(one) < comparable(other) ? -1 : 1,
  );
  const main = received.find((row) => row.gatewayPaymentId === knownKey) ?? received[0];
  const nothing = { gatewayReference: paymentId, paymentId, amountMinor: null, currencyCode: null, paidAt: null };
  if (!main) return { ...nothing, status: 'PENDING', methodName: null, gatewayKey: null };
  const fee = fromStatementRand(main.fee);
  return {
    gatewayReference: paymentId,
    paymentId,
    status: 'PAID',
    amountMinor: fromStatementRand(main.gross),
    currencyCode: /^[A-Z]{3}$/.test(main.currency) ? main.currency : null,
    paidAt: readTime(main.date),
    methodName: main.fundingType || null,
    gatewayKey: main.gatewayPaymentId || null,
    feeMinor: fee === null ? null : -fee,
    surplus: received.filter((row) => row !== main).flatMap(toSurplus),
  };
}

function comparable(row: StatementRow): string {
  return `${row.date} ${row.gatewayPaymentId.padStart(20, '0')}`;
}

function toSurplus(row: StatementRow): SurplusPayment[] {
  const amountMinor = fromStatementRand(row.gross);
  if (amountMinor === null || !/^[A-Z]{3}$/.test(row.currency)) return [];
  return [{ gatewayKey: row.gatewayPaymentId, amountMinor, currencyCode: row.currency }];
}

/** South Africa keeps one offset all year. */
const OFFSET_MS = 2 * 3_600_000;

/** `YYYY-MM-DD HH:MM:SS` in South African time. Null for anything else. */
export function readTime(text: string): Date | null {
  if (!/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/.test(text)) return null;
  const time = Date.parse(`${text.replace(' ', 'T')}+02:00`);
  return Number.isNaN(time) ? null : new Date(time);
}

/** `2026-05-04T10:15:30+02:00` */
export function timestampOf(at: Date): string {
  return `${new Date(at.getTime() + OFFSET_MS).toISOString().slice(0, 19)}+02:00`;
}

/** `2026-05-04`, the day it is in South Africa. */
export function dayOf(at: Date): string {
  return timestampOf(at).slice(0, 10);
}
