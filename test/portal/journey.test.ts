import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { BrowserContext, Page } from 'playwright-core';

import { offences } from './page-rules.ts';
import { findBrowser, openStage, type Stage } from './stage.ts';

/**
 * The sample portal (examples/portal) in a real browser, from an empty folder: two customers on one shop, one journey. Each test goes on
 * where the one before ended.
 */
const executable = findBrowser();
if (executable === null)
  console.log('The sample portal is not tried: no Chromium in /usr/bin, and CHROMIUM names none.');

const WAIT_MS_MAX = 20_000;
const PHONE = { width: 375, height: 740 };

describe.runIf(executable !== null)('the sample portal', () => {
  let stage: Stage;
  let thandi: Page;
  let sipho: Page;
  const foreign: string[] = [];
  const broken: string[] = [];
  const keys = new Set<string>();
  const socket = breakable();

  beforeAll(async () => {
    stage = await openStage(executable!);
    thandi = await visitor({ viewport: { width: 1180, height: 900 } });
    sipho = await visitor({ viewport: PHONE, hasTouch: true, isMobile: true });
    await socket.install(sipho.context());
    await Promise.all([thandi.goto(stage.address), sipho.goto(stage.address)]);
    // A database, migrations, a shop, a page and a browser, perhaps on a busy machine.
  }, 240_000);

  afterAll(() => stage?.stop());

  /** A switch counts within a second: asks as the page does until it has. @param origin of the page */
  function untilAsked(origin: string, holds: (code: string | null) => boolean): Promise<void> {
    const [key] = keys;
    return vi.waitFor(async () => expect(await stage.codeFor(key!, origin)).toSatisfy(holds), { timeout: WAIT_MS_MAX });
  }

  async function setBooking(enabled: boolean): Promise<void> {
    const document =
      'mutation ($input: SetFeatureFlagInput!) { setFeatureFlag(input: $input) { userErrors { code } } }';
    const { setFeatureFlag } = await stage.asAdmin<any>(document, { input: { key: 'booking', enabled } });
    expect(setFeatureFlag.userErrors).toEqual([]);
    await untilAsked(stage.address, (code) => (code === 'FEATURE_DISABLED') !== enabled);
  }

  async function visitor(options: Parameters<typeof stage.browser.newContext>[0]): Promise<Page> {
    const context = await stage.browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
    context.setDefaultTimeout(WAIT_MS_MAX);
    const page = await context.newPage();
    page.on('pageerror', (error) => broken.push(error.message));
    page.on('console', (message) => message.type() === 'error' && broken.push(message.text()));
    page.on('request', (request) => {
      const key = request.headers()['x-api-key'];
      if (key !== undefined) keys.add(key);
      const { protocol, hostname, port } = new URL(request.url());
      const isOurs = hostname === 'localhost' && stage.ports.includes(Number(port));
      if (!isOurs && protocol !== 'data:') foreign.push(request.url());
    });
    return page;
  }

  test('a visitor sees services, prices in the shop’s currency, and free times in the shop’s zone, which is named', async () => {
    await thandi.locator('.time').first().waitFor();
    expect(await thandi.title()).toBe('Style Consultancy');
    // In the shop's language and with its blanks, not in those of the browser.
    const prices = await thandi.locator('.price').allTextContents();
    expect(prices.map((text) => text.replace(/\s/g, ' '))).toEqual(['R 3 500,00', 'R 1 500,00']);
    await thandi.getByText('All times are Johannesburg time (GMT+2).').waitFor();
    // On a weekday it opens at nine there, which is eight or seven where the browser is.
    expect(await thandi.locator('.time').allTextContents()).toContain('09:00');
    await stage.shot(thandi, 'shop');
  });

  test('why a time can not be had is said, and what is free instead', async () => {
    await thandi.getByText('Is your time not there?').click();
    await thandi.getByRole('textbox', { name: 'Day' }).fill(await dateIn(thandi, 7));
    await thandi.getByLabel('Time', { exact: true }).fill('22:15');
    await thandi.getByRole('button', { name: 'Ask why' }).click();
    const reason = thandi.locator('[data-rule]');
    await reason.waitFor();
    expect(await reason.getAttribute('data-rule')).toBe('HOURS');
    expect(await reason.textContent()).toMatch(/22:15 it is closed/);
    expect(await thandi.getByRole('group', { name: 'Free instead' }).getByRole('button').count()).toBeGreaterThan(0);
    await stage.shot(thandi, 'why-not');
  });

  test('two customers choose the same time and register; a weak password is refused where it stands', async () => {
    await Promise.all([chooseFirstTime(thandi), chooseFirstTime(sipho)]);
    await stage.shot(sipho, 'phone-register');
    await register(thandi, 'Thandi', 'thandi@customer.example');
    await register(sipho, 'Sipho', 'sipho@customer.example');
    // Nothing of the session is where a page of later days would find it, and no cookie goes along.
    expect(await thandi.evaluate(() => localStorage.length)).toBe(0);
    expect(await thandi.context().cookies()).toEqual([]);
    expect(await thandi.evaluate(() => Object.values(sessionStorage).join())).toMatch(/^rt_[\w-]+$/);
  });

  test('the first one books, pays at the gateway’s page, and sees the payment arrive without a reload', async () => {
    await thandi.getByRole('button', { name: 'Book this time' }).click();
    await thandi.getByText('Not paid yet').waitFor();
    await thandi.getByRole('button', { name: 'PayFast' }).waitFor();
    await stage.shot(thandi, 'order');
    const payPage = await payLater(thandi);
    await thandi.locator('.live[data-live=true]').waitFor();
    await mark(thandi);
    await arrive(payPage);
    await thandi.locator('[data-status=PAID]').waitFor();
    expect(await isMarked(thandi)).toBe(true);
    await stage.shot(thandi, 'paid');
    const link = await thandi.getByRole('link', { name: /^Invoice INV-/ }).getAttribute('href');
    const invoice = await fetch(link!);
    expect([invoice.status, invoice.headers.get('content-type')]).toEqual([200, 'application/pdf']);
  });

  test('the second one is told that the time is taken, and books another that is offered', async () => {
    await sipho.getByRole('button', { name: 'Book this time' }).click();
    await sipho.locator('[data-code=TIME_TAKEN]').waitFor();
    const others = sipho.getByRole('group', { name: 'Free instead' }).getByRole('button');
    expect(await others.count()).toBeGreaterThan(0);
    await stage.shot(sipho, 'phone-taken');
    const wanted = (await others.first().textContent())!;
    await others.first().click();
    await sipho.getByRole('button', { name: 'Book this time' }).click();
    await sipho.getByText('Not paid yet').waitFor();
    const when = (await sipho.locator('dd').allTextContents()).join(' | ');
    expect(when).toContain(wanted.split(', ').slice(0, -1).join(', '));
    expect(when).toContain(wanted.split(', ').at(-1)!);
  });

  test('a payment that arrives while the socket is away is shown when it is back, by its event and not by asking', async () => {
    const payPage = await payLater(sipho);
    await sipho.locator('.live[data-live=true]').waitFor();
    await mark(sipho);
    const asked: string[] = [];
    sipho.on('request', (request) => asked.push(request.postData() ?? ''));
    await socket.break();
    await sipho.locator('.live[data-live=false]').waitFor();
    await arrive(payPage);
    await vi.waitFor(async () => expect(await paidOrders(stage)).toBe(2), { timeout: WAIT_MS_MAX });
    await stage.shot(sipho, 'phone-away');
    expect(await sipho.locator('[data-status=ISSUED]').count()).toBe(1);
    socket.mend();
    await sipho.locator('[data-status=PAID]').waitFor();
    expect(await isMarked(sipho)).toBe(true);
    expect(asked.filter((body) => body.includes('query OneOrder'))).toEqual([]);
    await stage.shot(sipho, 'phone-paid');
  });

  test('signed out, an order asks who one is; signed in again, it is there', async () => {
    await sipho.getByRole('button', { name: 'Sign out' }).click();
    await sipho.getByText('Sign in to see it.').waitFor();
    expect(await sipho.evaluate(() => sessionStorage.length)).toBe(0);
    await sipho.getByRole('button', { name: 'I have been here before' }).click();
    await signIn(sipho, 'sipho@customer.example', 'another password');
    await sipho.locator('[data-code=INVALID_CREDENTIALS]').waitFor();
    await signIn(sipho, 'sipho@customer.example', 'a long password');
    await sipho.locator('[data-status=PAID]').waitFor();
  });

  test('everything has a name, a finger’s size and enough contrast, on a wide screen and on a phone, by day and by night', async () => {
    await Promise.all([thandi.getByRole('link', { name: 'Style Consultancy' }).click(), sipho.goto(stage.address)]);
    for (const page of [thandi, sipho]) {
      await chooseFirstTime(page);
      await page.getByText('Is your time not there?').click();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await offences(page), colorScheme).toEqual([]);
      }
    }
    await stage.shot(thandi, 'night');
    await stage.shot(sipho, 'phone-night');
  });

  test('a shop that switched appointments off says so, with the code of the graph', async () => {
    await setBooking(false);
    await thandi.reload();
    await thandi.getByText('Appointments can not be booked here at the moment.').waitFor();
    expect(await thandi.locator('[data-code]').getAttribute('data-code')).toBe('FEATURE_DISABLED');
    await stage.shot(thandi, 'switched-off');
    await setBooking(true);
    await thandi.getByRole('button', { name: 'Try again' }).click();
    await thandi.locator('.time').first().waitFor();
  });

  test('built for a server, the page works from an origin the shop allows, under a policy that lets in nothing else', async () => {
    const [key] = keys;
    expect(key).toMatch(/^pk_test_/);
    const address = await stage.serveBuilt(key!);
    stage.ports.push(Number(new URL(address).port));
    const page = await visitor({ viewport: PHONE });
    await page.goto(address);
    // Not allowed yet: the browser hands the answer to nobody.
    await page.locator('[data-code=NO_ANSWER]').waitFor();
    await setPortal(stage, { corsOrigins: [stage.address, address] });
    await untilAsked(address, (code) => code === null);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.time').first().waitFor();
    const policy = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
    expect(policy).toContain("script-src 'self'");
    // A script that somebody got into the page does not run.
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.isForeign = true';
      document.body.append(script);
    });
    expect(await page.evaluate(() => 'isForeign' in window)).toBe(false);
    await chooseFirstTime(page);
    await page.getByRole('button', { name: 'I have been here before' }).click();
    await signIn(page, 'sipho@customer.example', 'a long password');
    await page.getByRole('button', { name: 'Book this time' }).click();
    await page.getByText('Not paid yet').waitFor();
    await page.locator('.live[data-live=true]').waitFor();
  });

  test('whoever asks too much is told when to try again, and can not before', async () => {
    await setPortal(stage, { rateLimitPerMinute: 1 });
    await untilAsked(stage.address, (code) => code === 'RATE_LIMITED');
    // Anew where the minute was over at this very moment, and the button good again.
    await vi.waitFor(
      async () => {
        await sipho.reload();
        await sipho.locator('[data-code=RATE_LIMITED]').first().waitFor();
        const retry = sipho.getByRole('button', { name: /^Try again/ }).first();
        expect(await retry.textContent()).toMatch(/^Try again in \d+ s$/);
        expect(await retry.isDisabled()).toBe(true);
      },
      { timeout: WAIT_MS_MAX },
    );
    await stage.shot(sipho, 'phone-too-much');
  });

  test('no page asked anybody but this machine, and none threw', () => {
    expect(foreign).toEqual([]);
    // Refusals, sockets that were cut and scripts that were kept out are written into the console by the browser itself.
    const known = /Failed to load resource|WebSocket|Content Security Policy|blocked by CORS policy/;
    expect(broken.filter((text) => !known.test(text))).toEqual([]);
  });
});

async function chooseFirstTime(page: Page): Promise<void> {
  await page.locator('.day .time').first().click();
  await page.locator('.time[aria-pressed=true]').waitFor();
}

async function register(page: Page, name: string, email: string): Promise<void> {
  await page.getByLabel('First name').fill(name);
  await page.getByLabel('Email').fill(email);
  // Long enough for the browser, and the graph knows better.
  await page.getByLabel('Password').fill('password');
  await page.getByRole('button', { name: 'Register and go on' }).click();
  await page.locator('[data-code=WEAK_PASSWORD]').waitFor();
  expect(await page.getByLabel('Password').getAttribute('aria-invalid')).toBe('true');
  await page.getByLabel('Password').fill('a long password');
  await page.getByRole('button', { name: 'Register and go on' }).click();
  await page.getByRole('button', { name: 'Book this time' }).waitFor();
}

async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in and go on' }).click();
}

/** To the gateway's page, where a transfer is promised, and back. @returns that page's address */
async function payLater(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'PayFast' }).click();
  await page.getByRole('heading', { name: 'Pay with PayFast' }).waitFor();
  const payPage = page.url();
  await page.getByRole('button', { name: 'Pay by EFT, later' }).click();
  await page.getByText('Waiting for your payment').waitFor();
  return payPage;
}

/** The transfer arrives at the gateway, which tells the shop. */
async function arrive(payPage: string): Promise<void> {
  const answer = await fetch(payPage.replace('//localhost', '//127.0.0.1'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ action: 'pay' }),
  });
  expect(await answer.json()).toMatchObject({ outcome: 'complete' });
}

/** Gone as soon as the page is loaded anew. */
function mark(page: Page): Promise<void> {
  return page.evaluate(() => void Object.assign(window, { isMarked: true }));
}

function isMarked(page: Page): Promise<boolean> {
  return page.evaluate(() => 'isMarked' in window);
}

/** A weekday's date some days from now, as the page's field wants it. */
async function dateIn(page: Page, days: number): Promise<string> {
  const first = await page.getByRole('textbox', { name: 'Day' }).inputValue();
  return new Date(Date.parse(first) + days * 86_400_000).toISOString().slice(0, 10);
}

async function paidOrders(stage: Stage): Promise<number> {
  const { orders } = await stage.asAdmin<{ orders: { nodes: unknown[] } }>(
    'query { orders(filter: { status: [PAID] }) { nodes { id } } }',
    {},
  );
  return orders.nodes.length;
}

async function setPortal(stage: Stage, input: object): Promise<void> {
  const document =
    'mutation ($input: UpdatePortalConfigInput!) { updatePortalConfig(input: $input) { userErrors { code } } }';
  const { updatePortalConfig } = await stage.asAdmin<any>(document, { input });
  expect(updatePortalConfig.userErrors).toEqual([]);
}

/** The page's socket, which the test may cut and keep from coming back. */
function breakable() {
  let isBroken = false;
  const open = new Set<{ close(): Promise<void> }>();
  return {
    install: (context: BrowserContext) =>
      context.routeWebSocket(/\/graphql$/, (ours) => {
        if (isBroken) return void ours.close();
        const server = ours.connectToServer();
        const both = { close: async () => void (await Promise.all([server.close(), ours.close()])) };
        open.add(both);
      }),
    break: async () => {
      isBroken = true;
      await Promise.all([...open].map((both) => both.close()));
      open.clear();
    },
    mend: () => (isBroken = false),
  };
}
