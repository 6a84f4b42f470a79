import { describe, expect, test } from 'vitest';
import { decideMail, mailWaitMs, type MailEvent, type MailState } from '../../src/domain/mail.ts';
import { defaultWords, mailLocale, renderMail } from '../../src/domain/mail-words.ts';

const bounce = (permanent: boolean): MailEvent => ({ type: 'BOUNCE', permanent, code: 'General' });
const complaint = (code: string): MailEvent => ({ type: 'COMPLAINT', code });
const accepted = { state: 'ACCEPTED', transientBefore: 0 } as const;

describe('what an event makes of a mail', () => {
  test.each<[MailState, MailEvent, MailState | null]>([
    ['ACCEPTED', { type: 'DELIVERY' }, 'DELIVERED'],
    ['DELIVERED', bounce(true), 'BOUNCED'],
    ['BOUNCED', { type: 'DELIVERY' }, null],
    ['BOUNCED', complaint('abuse'), 'COMPLAINED'],
    ['COMPLAINED', bounce(true), null],
    ['ACCEPTED', { type: 'REJECT' }, 'REJECTED'],
    ['DELIVERED', complaint('not-spam'), null],
  ])('%s and %j: %s', (state, event, expected) => {
    expect(decideMail({ ...accepted, state }, event).state).toBe(expected);
  });

  test('a permanent bounce stops everything, a passing one the fifth time', () => {
    expect(decideMail(accepted, bounce(true)).suppress).toEqual(['TRANSACTIONAL', 'MARKETING']);
    expect(decideMail({ ...accepted, transientBefore: 3 }, bounce(false)).suppress).toEqual([]);
    expect(decideMail({ ...accepted, transientBefore: 4 }, bounce(false)).suppress).toEqual([
      'TRANSACTIONAL',
      'MARKETING',
    ]);
  });

  test('a complaint stops marketing only, whatever state the mail is in; a word that it is no spam stops nothing', () => {
    for (const code of ['abuse', 'auth-failure', 'fraud', 'other', 'virus'])
      expect(decideMail(accepted, complaint(code)).suppress).toEqual(['MARKETING']);
    expect(decideMail({ ...accepted, state: 'COMPLAINED' }, complaint('abuse')).suppress).toEqual(['MARKETING']);
    expect(decideMail(accepted, complaint('not-spam')).suppress).toEqual([]);
  });
});

test('waits grow, and end', () => {
  const waits = [1, 2, 3, 4, 5, 6, 7].map((attempts) => mailWaitMs(attempts)!);
  expect(waits).toEqual(waits.toSorted((a, b) => a - b));
  expect(mailWaitMs(8)).toBeNull();
});

describe('words', () => {
  const values = {
    shop: 'Shop',
    name: '<b>{link}</b>\r\nBcc: x',
    link: 'https://a.example/x?a=1&b=2',
    number: '7',
    total: '1.00 EGP',
  };

  test('what is in a name stays text: no tag, no header, no further placeholder', () => {
    const { html, subject } = renderMail({ subject: 'Hi {name}', text: 'Hello {name}\n\n{link}' }, values, 'en', []);
    expect(subject).toBe('Hi <b>{link}</b> Bcc: x');
    expect(html).toContain('&lt;b&gt;{link}&lt;/b&gt;');
    expect(html).toContain('<a href="https://a.example/x?a=1&amp;b=2" dir="ltr">');
  });

  test('Arabic reads from right to left', () => {
    const { html } = renderMail(defaultWords('ORDER_PAID', 'ar'), values, 'ar', []);
    expect(html).toContain('<html lang="ar" dir="rtl">');
  });

  test.each([
    [['ar-EG', 'en'], 'ar'],
    [['fr', 'ar'], 'ar'],
    [['zh-TW', 'en'], 'zh-Hant'],
    [['zh-Hans-CN', 'de'], 'en'],
    [[null, 'fr'], 'en'],
  ])('of the languages %j it is %s', (wanted, locale) => {
    expect(mailLocale(wanted)).toBe(locale);
  });

  test.each(['en', 'ar', 'zh-Hant'] as const)('every kind has words in %s, with its link', (locale) => {
    for (const kind of ['PASSWORD_RESET', 'EMAIL_VERIFICATION', 'NEWSLETTER_CONFIRMATION', 'ORDER_PAID'] as const)
      expect(renderMail(defaultWords(kind, locale), values, locale, []).text).toContain(values.link);
  });
});
