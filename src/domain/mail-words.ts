import type { MailKind } from './mail.ts';

/** The words of mails in every language they are sent in, and how words become a page. A tenant may have its own words. */

export interface MailWords {
  readonly subject: string;
  /** Paragraphs, divided by empty lines. `{shop}`, `{name}`, `{link}`, `{number}` and `{total}` stand for what they say. */
  readonly text: string;
}

export type MailLocale = 'en' | 'ar' | 'zh-Hant';

const ENGLISH: Readonly<Record<MailKind, MailWords>> = {
  PASSWORD_RESET: {
    subject: 'A new password for {shop}',
    text: 'Hello {name},\n\nsomebody asked for a new password for your account with {shop}. Choose it here within 30 minutes:\n\n{link}\n\nIf it was not you, nothing needs to be done: your password stays as it is.',
  },
  EMAIL_VERIFICATION: {
    subject: 'Is this your address? {shop}',
    text: 'Hello {name},\n\nplease confirm that this address is yours:\n\n{link}',
  },
  NEWSLETTER_CONFIRMATION: {
    subject: 'Please confirm: news of {shop}',
    text: 'Hello,\n\nthis address was entered for the newsletter of {shop}. Please confirm that you want it:\n\n{link}\n\nWithout your word you will get nothing.',
  },
  ORDER_PAID: {
    subject: 'Order {number}: thank you',
    text: 'Hello {name},\n\nthank you for your order {number} of {total} with {shop}. It is paid. Your invoice is here:\n\n{link}',
  },
};

const ARABIC: Readonly<Record<MailKind, MailWords>> = {
  PASSWORD_RESET: {
    subject: 'كلمة مرور جديدة لدى {shop}',
    text: 'مرحباً {name}،\n\nطلب أحدهم كلمة مرور جديدة لحسابك لدى {shop}. اختر كلمة المرور من هنا خلال 30 دقيقة:\n\n{link}\n\nإذا لم تكن أنت من طلب ذلك فلا داعي لأي إجراء، وستبقى كلمة مرورك كما هي.',
  },
  EMAIL_VERIFICATION: {
    subject: 'هل هذا عنوانك؟ {shop}',
    text: 'مرحباً {name}،\n\nيرجى تأكيد أن هذا العنوان يخصك:\n\n{link}',
  },
  NEWSLETTER_CONFIRMATION: {
    subject: 'يرجى التأكيد: أخبار {shop}',
    text: 'مرحباً،\n\nتم إدخال هذا العنوان للاشتراك في نشرة {shop}. يرجى تأكيد رغبتك:\n\n{link}\n\nلن نرسل إليك شيئاً من دون تأكيدك.',
  },
  ORDER_PAID: {
    subject: 'الطلب {number}: شكراً لك',
    text: 'مرحباً {name}،\n\nشكراً لطلبك {number} بقيمة {total} لدى {shop}. تم الدفع. فاتورتك هنا:\n\n{link}',
  },
};

const CHINESE: Readonly<Record<MailKind, MailWords>> = {
  PASSWORD_RESET: {
    subject: '{shop}:重設密碼',
    text: '{name} 您好:\n\n我們收到您在 {shop} 帳戶的重設密碼要求。請於 30 分鐘內由此設定新密碼:\n\n{link}\n\n若非您本人提出,請忽略此信,密碼將維持不變。',
  },
  EMAIL_VERIFICATION: {
    subject: '{shop}:請確認您的電子郵件地址',
    text: '{name} 您好:\n\n請確認此電子郵件地址為您所有:\n\n{link}',
  },
  NEWSLETTER_CONFIRMATION: {
    subject: '{shop}:請確認訂閱電子報',
    text: '您好:\n\n有人以此地址訂閱 {shop} 的電子報。請確認您要訂閱:\n\n{link}\n\n未經您確認,我們不會寄送任何內容。',
  },
  ORDER_PAID: {
    subject: '訂單 {number}:感謝您的購買',
    text: '{name} 您好:\n\n感謝您在 {shop} 的訂單 {number},金額 {total},已完成付款。您的發票:\n\n{link}',
  },
};

const WORDS: Readonly<Record<MailLocale, Readonly<Record<MailKind, MailWords>>>> = {
  en: ENGLISH,
  ar: ARABIC,
  'zh-Hant': CHINESE,
};

/** The nearest language that there are words in: of the person first, then of the shop. */
export function mailLocale(wanted: readonly (string | null)[]): MailLocale {
  for (const locale of wanted) {
    if (locale === null) continue;
    if (/^zh\b/i.test(locale) && !/hans|-cn|-sg/i.test(locale)) return 'zh-Hant';
    const language = locale.split(/[-_]/)[0]!.toLowerCase();
    if (language === 'en' || language === 'ar') return language;
  }
  return 'en';
}

export function defaultWords(kind: MailKind, locale: MailLocale): MailWords {
  return WORDS[locale][kind];
}

export type MailValues = Readonly<Record<'shop' | 'name' | 'link' | 'number' | 'total', string>>;
export const MAIL_VALUES = ['shop', 'name', 'link', 'number', 'total'] as const;

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** Values are text: nothing in a name becomes a tag, a header or a further placeholder. */
export function renderMail(
  words: MailWords,
  values: MailValues,
  locale: string,
  footer: readonly string[],
): RenderedMail {
  const paragraphs = [...words.text.split(/\n{2,}/).map((paragraph) => filled(paragraph, values)), ...footer];
  const isRightToLeft = /^(ar|fa|he|ur)\b/i.test(locale);
  const body = paragraphs.map((paragraph) => `<p>${linked(paragraph)}</p>`).join('\n');
  return {
    subject: filled(words.subject, values)
      .replaceAll(/[\p{Cc}\s]+/gu, ' ')
      .trim(),
    text: `${paragraphs.join('\n\n')}\n`,
    html: `<!doctype html>\n<html lang="${escaped(locale)}" dir="${isRightToLeft ? 'rtl' : 'ltr'}">\n<head><meta charset="utf-8"></head>\n<body style="font-family:sans-serif;max-width:40em;margin:auto;padding:1em">\n${body}\n</body>\n</html>\n`,
  };
}

function filled(text: string, values: MailValues): string {
  return text.replaceAll(/\{(shop|name|link|number|total)\}/g, (_whole, name: keyof MailValues) => values[name]);
}

function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (one) => names[one]!);
}

/** An address is a link, and reads from left to right wherever it stands. */
function linked(paragraph: string): string {
  return escaped(paragraph)
    .replaceAll(/https?:\/\/[^\s<]+/g, (url) => `<a href="${url}" dir="ltr">${url}</a>`)
    .replaceAll('\n', '<br>\n');
}
