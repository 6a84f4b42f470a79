import { z } from 'zod';

/** SES' own shapes, as far as they are read. */

export const SendEmailAnswer = z.object({ MessageId: z.string().min(1).max(200) });

/** The type stands in a header or in the body, sometimes with a namespace before it or an address behind. */
export const ErrorAnswer = z.object({
  __type: z.string().optional(),
  message: z.string().optional(),
  Message: z.string().optional(),
});

export const IdentityAnswer = z.object({ VerifiedForSendingStatus: z.boolean().optional() });
