import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { CREDENTIALS, paidInvoice, registerShop } from '../helpers/fawaterk-refunds.ts';
import { startReceiver } from '../helpers/sandbox.ts';
import { startSimulators, type Simulators } from '../helpers/simulators.ts';

let simulators: Simulators;

beforeAll(async () => void (simulators = await startSimulators()));
afterAll(() => simulators.stop());
beforeEach(async () => {
  await registerShop(simulators);
  await simulators.scenario({ account: 'shop', seed: `simulator ${expect.getState().currentTestName}` });
});

type Fields = Record<string, unknown>;

async function post(path: string, body: unknown, bearer?: string, at = simulators) {
  const answer = await fetch(`${at.url}/fawaterk${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify(body),
  });
  return { status: answer.status, value: (await answer.json()) as Fields };
}

const CLIENT = {
  grant_type: 'client_credentials',
  client_id: CREDENTIALS.CLIENT_ID,
  client_secret: CREDENTIALS.CLIENT_SECRET,
};
const token = async (at = simulators): Promise<string> =>
  String((await post('/oauth/token', CLIENT, undefined, at)).value['access_token']);
const api = async (name: string, body: unknown = {}, at = simulators) =>
  post(`/api/v3/refund/${name}`, body, await token(at), at);
const request = (invoice: string, fields: Fields = {}) => ({
  refund_type: '0',
  refund_id: Number(invoice),
  reason: 'Other',
  refundable_amount: 50,
  ...fields,
});

describe('the simulated OAuth server', () => {
  test('gives a token for the client, and another one for the refresh token, once', async () => {
    const { status, value } = await post('/oauth/token', CLIENT);
    expect([status, value]).toEqual([
      200,
      {
        token_type: 'Bearer',
        expires_in: 31_536_000,
        access_token: expect.stringMatching(/^\w{40,}$/),
        refresh_token: expect.stringMatching(/^\w{40,}$/),
      },
    ]);
    const refresh = { ...CLIENT, grant_type: 'refresh_token', refresh_token: value['refresh_token'] };
    const again = await post('/oauth/token', refresh);
    expect(again.status).toBe(200);
    expect(again.value['access_token']).not.toBe(value['access_token']);
    expect(await post('/oauth/token', refresh)).toMatchObject({ status: 400, value: { error: 'invalid_grant' } });
  });

  test.each([
    ['another secret', { client_secret: 'fwk_client_secret_else' }, 401, 'invalid_client'],
    ['another client', { client_id: '00000000-0000-4000-8000-000000000000' }, 401, 'invalid_client'],
    ['no client', { client_id: undefined, client_secret: undefined }, 401, 'invalid_client'],
    ['no grant', { grant_type: undefined }, 400, 'unsupported_grant_type'],
    ['a password', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['a refresh token that is none', { grant_type: 'refresh_token', refresh_token: 'x' }, 400, 'invalid_grant'],
  ])('refuses %s with an error in its own shape', async (_name, change, status, error) => {
    const answer = await post('/oauth/token', { ...CLIENT, ...change });
    expect(answer).toMatchObject({ status, value: { error, error_description: expect.any(String) } });
    expect(JSON.stringify(answer.value)).not.toContain('token"');
  });

  test('takes neither the API key, nor a refresh token, nor an ended one for a token', async () => {
    const { value } = await post('/oauth/token', CLIENT);
    await registerShop(simulators, { tokenSeconds: 0 });
    const ended = await token();
    for (const bearer of [CREDENTIALS.API_KEY, String(value['refresh_token']), ended, '', 'x']) {
      expect((await post('/api/v3/refund/refundReasons', {}, bearer)).status).toBe(401);
    }
    expect((await post('/api/v3/refund/refundReasons', {}, String(value['access_token']))).status).toBe(200);
  });

  test('forgets the tokens of a client whose secret changed', async () => {
    const before = await token();
    await registerShop(simulators, { clientSecret: 'fwk_client_secret_rotated' });
    expect((await post('/api/v3/refund/refundTypes', {}, before)).status).toBe(401);
  });

  test('says what is wrong with a client of an account', async () => {
    const other = { account: 'other', apiKey: 'fwk_api_other', clientId: CREDENTIALS.CLIENT_ID };
    await expect(simulators.registerFawaterk({ ...other, clientSecret: 'somesecret' })).rejects.toThrow('client id');
    await expect(simulators.registerFawaterk({ ...other, clientId: 'me', clientSecret: 'somesecret' })).rejects.toThrow(
      'UUID',
    );
    await expect(simulators.registerFawaterk(other)).rejects.toThrow('an id and a secret');
  });
});

describe('the simulated refunds', () => {
  test('types and reasons are told in two languages', async () => {
    expect((await api('refundTypes')).value).toEqual({
      status: 'success',
      data: expect.objectContaining({ '0': 'invoice', '3': 'Integration transaction' }),
    });
    expect((await api('refundReasons')).value['data']).toContain('Other');
    expect((await api('refundReasons', { lang: 'ar' })).value['data']).toContain('أخرى');
  });

  test.each([
    ['a reason of our own', { reason: 'Because' }],
    ['less than one', { refundable_amount: 0.99 }],
    ['three decimals', { refundable_amount: 50.005 }],
    ['no amount', { refundable_amount: undefined }],
    ['more than was paid', { refundable_amount: 150.01 }],
    ['a type that is none', { refund_type: '9' }],
    ['an invoice under the type of a transaction', { refund_type: '3' }],
    ['an invoice of nobody', { refund_id: 1 }],
  ])('a request with %s is a 400 with a sentence, and stands in no book', async (_name, fields) => {
    const invoice = await paidInvoice(simulators);
    expect(await api('create', request(invoice, fields))).toMatchObject({
      status: 400,
      value: { status: 'error', message: expect.any(String) },
    });
    expect((await simulators.book('shop')).refunds).toEqual([]);
  });

  test('take from what is left while they are open or approved, and give it back when they are not', async () => {
    const invoice = await paidInvoice(simulators);
    expect((await api('create', request(invoice, { refundable_amount: 100 }))).value).toEqual({
      status: 'success',
      message: 'Refunded successfully',
    });
    expect((await api('create', request(invoice, { refundable_amount: 50.01 }))).status).toBe(400);
    await simulators.decide((await simulators.book('shop')).refunds[0]!.page, 'reject');
    expect((await api('create', request(invoice, { refundable_amount: '150.00' }))).status).toBe(200);
    const [open] = (await simulators.book('shop')).refunds;
    expect((await api('delete', { refund_id: open!.refundId })).value).toEqual({ status: 'success' });
    expect((await api('create', request(invoice, { refundable_amount: 150 }))).status).toBe(200);
    await simulators.decide((await simulators.book('shop')).refunds[0]!.page, 'approve');
    expect((await api('create', request(invoice, { refundable_amount: 1 }))).status).toBe(400);
  });

  test('are listed ten a page, newest first, in a paginator without an envelope or a comment', async () => {
    const invoice = await paidInvoice(simulators);
    for (let index = 0; index < 12; index++) {
      await api('create', request(invoice, { refundable_amount: 1, comment: 'ours' }));
    }
    const first = (await api('index')).value;
    const second = (await api('index?page=2')).value;
    expect(first).toMatchObject({ current_page: 1, last_page: 2, per_page: 10, total: 12, prev_page_url: null });
    expect(second).toMatchObject({ current_page: 2, next_page_url: null, from: 11, to: 12 });
    const items = [...(first['data'] as Fields[]), ...(second['data'] as Fields[])];
    expect(items.map((one) => one['id'])).toEqual(
      items.map((one) => one['id']).toSorted((a, b) => Number(b) - Number(a)),
    );
    expect(items[0]).toEqual({
      id: expect.any(Number),
      refundable_type: 'Invoice',
      refundable_amount: 1,
      status: 'pending',
      refundable_id: Number(invoice),
      reason: 'Other',
      created_at: expect.stringMatching(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/),
      can_delete: true,
    });
    expect((await api('index?page=9')).value).toMatchObject({ current_page: 9, data: [] });
  });

  test('are told by number to their own account only', async () => {
    const invoice = await paidInvoice(simulators);
    await api('create', request(invoice));
    const id = (await simulators.book('shop')).refunds[0]!.refundId;
    const read = async (bearer: string): Promise<unknown> =>
      (
        await fetch(`${simulators.url}/fawaterk/api/v3/refund/details/${id}`, {
          headers: { authorization: `Bearer ${bearer}` },
        })
      ).json();
    expect(await read(await token())).toMatchObject({ id, refundable_amount: 50, status: 'pending' });
    const theirs = { clientId: '11111111-1111-4111-8111-111111111111', clientSecret: 'fwk_client_secret_theirs' };
    await simulators.registerFawaterk({ account: 'theirs', apiKey: 'fwk_api_theirs', ...theirs });
    const { value } = await post('/oauth/token', {
      ...CLIENT,
      client_id: theirs.clientId,
      client_secret: theirs.clientSecret,
    });
    expect(await read(String(value['access_token']))).toBeNull();
  });

  test('once decided cannot be decided again or withdrawn', async () => {
    await api('create', request(await paidInvoice(simulators)));
    const [refund] = (await simulators.book('shop')).refunds;
    expect(await simulators.decide(refund!.page, 'approve')).toMatchObject({ status: 'approved' });
    expect(await simulators.decide(refund!.page, 'reject')).toEqual({ status: 'approved' });
    expect((await api('delete', { refund_id: refund!.refundId })).status).toBe(400);
  });

  test('are approved by themselves after the delay the account asks for, and then not before it', async () => {
    const hooks = await startReceiver();
    onTestFinished(() => hooks.close());
    await registerShop(simulators, { refundApprovalMs: 300, webhookUrls: { refund: hooks.url } });
    await api('create', request(await paidInvoice(simulators)));
    const [refund] = (await simulators.book('shop')).refunds;
    expect(refund).toMatchObject({ state: 'pending' });
    expect(await simulators.decide(refund!.page, 'reject')).toEqual({ status: 'pending' });
    await hooks.count(1);
    expect((await simulators.book('shop')).refunds[0]).toMatchObject({ state: 'approved' });
  });

  test('have a page with the request and its two buttons', async () => {
    await api('create', request(await paidInvoice(simulators), { comment: '<b>cold</b> tea' }));
    const { page } = (await simulators.book('shop')).refunds[0]!;
    const address = `${simulators.url}${new URL(page).pathname}`;
    const html = await (await fetch(address)).text();
    for (const text of ['50.00 EGP', '&#60;b&#62;cold', 'value="approve"', 'value="reject"'])
      expect(html).toContain(text);
    const headers = { accept: 'text/html' };
    const after = await fetch(address, { method: 'POST', headers, body: new URLSearchParams({ action: 'approve' }) });
    expect(await after.text()).not.toContain('<button');
    expect((await fetch(`${simulators.url}/fawaterk/refund/nobody`)).status).toBe(404);
  });

  test('show no secret and no token in the books', async () => {
    const bearer = await token();
    await api('create', request(await paidInvoice(simulators)));
    const shown = JSON.stringify(await simulators.book());
    for (const secret of [bearer, ...Object.values(CREDENTIALS)]) expect(shown).not.toContain(secret);
  });

  test('requests, tokens and unsent hooks survive a SIGKILL', async () => {
    const hooks = await startReceiver();
    const { url } = hooks;
    await hooks.close();
    const first = await startSimulators({ child: true });
    onTestFinished(() => first.stop());
    await registerShop(first, { webhookUrls: { refund: url }, retryDelaysMs: Array.from({ length: 10 }, () => 100) });
    const invoice = await paidInvoice(first);
    const bearer = await token(first);
    await post('/api/v3/refund/create', request(invoice), bearer, first);
    await post('/api/v3/refund/create', request(invoice, { refundable_amount: 1 }), bearer, first);
    const [, older] = (await first.book('shop')).refunds;
    await first.decide(older!.page, 'approve');
    await first.kill();

    const again = await startReceiver(() => 200, url);
    onTestFinished(() => again.close());
    const second = await startSimulators({ child: true, directory: first.directory });
    onTestFinished(() => second.stop());
    const { value } = await post('/api/v3/refund/index', {}, bearer, second);
    expect((value['data'] as Fields[]).map((one) => one['status'])).toEqual(['pending', 'approved']);
    const [hook] = await again.count(1);
    expect(JSON.parse(Buffer.from(hook!.body).toString())).toMatchObject({
      transactionId: Number(invoice),
      amount: '50.00',
    });
  });
});
