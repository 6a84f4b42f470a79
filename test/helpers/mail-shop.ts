import type { As, TestApp } from './app.ts';
import { readMail, SES_KEYS } from './mail.ts';
import { sendMail } from '../../src/resolvers/mail-send.ts';

/** A tenant that sends its mail by the simulated SES, and whose outbox is worked when a test says so. */

export const TOPIC = 'arn:aws:sns:ap-northeast-1:123456789012:shop-mail';

export interface MailRow {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly to_address: string | null;
}

export class MailShop {
  readonly world: TestApp;
  readonly admin: As;
  readonly tenantId: string;
  readonly portal: As;

  constructor(world: TestApp, admin: As, tenantId: string) {
    this.world = world;
    this.admin = admin;
    this.tenantId = tenantId;
    this.portal = { key: world.facts.portalKey };
  }

  static async open(world: TestApp): Promise<MailShop> {
    const { accessToken } = await world.session('tenantAdmin');
    const [tenant] = await world.owner<{ id: string }>('select id from tenants where slug = $1', [
      world.facts.tenantSlug,
    ]);
    return new MailShop(world, { token: accessToken }, tenant!.id);
  }

  /** Registers the account with SES, subscribes our endpoint, and says so in the graph. */
  async useSes(path = `/webhooks/mail/${this.world.facts.tenantSlug}`): Promise<void> {
    await this.world.simulators.register('ses', 'shop', {
      ...SES_KEYS,
      verifiedDomains: ['shop.example'],
      configurationSets: ['news'],
      retryDelaysMs: [100, 200, 400, 800],
    });
    await this.mutate(this.admin, 'configureEmailSender', {
      transport: 'SES',
      fromAddress: 'Orders@shop.example',
      fromName: 'متجر',
      replyTo: 'service@shop.example',
      marketingSet: 'news',
      topicArn: TOPIC,
      credentials: [
        { name: 'ACCESS_KEY_ID', value: SES_KEYS.accessKeyId },
        { name: 'SECRET_ACCESS_KEY', value: SES_KEYS.secretAccessKey },
      ],
    });
    await this.mutate(this.admin, 'verifyEmailSender', {});
    // Subscribed only now, because SNS asks for a confirmation at once and its topic must be known by then.
    await this.world.simulators.register('ses', 'shop', {
      ...SES_KEYS,
      verifiedDomains: ['shop.example'],
      configurationSets: ['news'],
      retryDelaysMs: [100, 200, 400, 800],
      topicArn: TOPIC,
      endpoint: `${this.world.app.config.baseUrl}${path}`,
    });
  }

  async mutate(as: As, name: string, input: object, answer = ''): Promise<any> {
    const type = `${name[0]!.toUpperCase()}${name.slice(1)}Input`;
    const document = `mutation ($input: ${type}!) { ${name}(input: $input) { ${answer} userErrors { code field } } }`;
    return (await this.world.data(as, document, { input }))[name];
  }

  /** Does what the worker does with what is due. */
  async work(): Promise<void> {
    const { app } = this.world;
    const due = await app.db.lookUp<{ kind: string; tenant_id: string; id: string }>(
      'select kind, tenant_id, id from due_work($1, 500)',
      [app.clock.now()],
    );
    for (const { kind, tenant_id: tenantId, id } of due)
      if (kind === 'mail') await sendMail(app, { tenantId, customerId: null }, id);
  }

  /** Newest first. */
  rows(): Promise<MailRow[]> {
    return this.world.owner<MailRow>(
      'select id, kind, state, reason, attempts, to_address from mail_messages where tenant_id = $1 order by created_at desc, id desc',
      [this.tenantId],
    );
  }

  /** What SES was handed, newest first, as its readers see it. */
  async sent(to: string): Promise<{ headers: string; texts: string; messageId: string }[]> {
    const { book } = await this.world.simulators.bookOf('ses', 'shop');
    return (book as { mails: { to: string[]; raw: string; messageId: string }[] }).mails
      .filter((mail) => mail.to.includes(to))
      .map(({ raw, messageId }) => ({ ...readMail(Buffer.from(raw, 'base64').toString()), messageId }));
  }

  /** What SNS said, newest first, as it was signed. */
  async published(): Promise<Record<string, string>[]> {
    const { book } = await this.world.simulators.bookOf('ses', 'shop');
    return (book as { published: Record<string, string>[] }).published;
  }

  async deliver(message: object, path = `/webhooks/mail/${this.world.facts.tenantSlug}`): Promise<number> {
    const headers = { 'content-type': 'text/plain; charset=UTF-8' };
    return (await this.world.request('POST', path, { headers, body: JSON.stringify(message) })).status;
  }

  /** The token in the newest mail to somebody. */
  async tokenFor(to: string): Promise<string> {
    const [mail] = await this.sent(to);
    const token = /[?&]token=(ot_[\w-]+)/.exec(mail?.texts ?? '')?.[1];
    if (!token) throw new Error(`No link was sent to ${to}.`);
    return token;
  }
}
