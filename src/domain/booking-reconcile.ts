/** Whether a booking stands at its provider as it stands here, and who brings the two together where it does not (BEY-3). */
import { afterLookUp, type BookingPhase, type BookingStatus, type ProviderState } from './booking.ts';

/**
 * TOO_EARLY: the provider may still hide it. LOOK_UP: they differ, and asking once more, with what follows from the answer, ends that.
 * PERSON: they differ, and nothing that we do by ourselves would end it.
 */
export type Comparison = 'AGREES' | 'TOO_EARLY' | 'LOOK_UP' | 'PERSON';

/** Phases that a provider knows of: all but what was never sent, or is over. */
export const PHASES_THERE = [
  'RESERVING',
  'HELD',
  'BOOKING',
  'CONFIRMING',
  'PENDING',
  'CONFIRMED',
  'CANCELLING',
  'CANCEL_REQUESTED',
  'RELEASING',
] as const satisfies readonly BookingPhase[];

/** What says the same, or that the provider has yet to do what it was asked for. */
const SAME: Partial<Record<BookingPhase, readonly ProviderState[]>> = {
  HELD: ['HELD'],
  PENDING: ['PENDING'],
  CONFIRMED: ['CONFIRMED'],
  CANCEL_REQUESTED: ['CONFIRMED', 'PENDING', 'HELD'],
  // Let go by the next step, or by itself.
  RELEASING: ['HELD', 'NOT_FOUND'],
  // Given up or cancelled here. What is only held lapses by itself; what stands is paid for by somebody.
  ENDED: ['HELD', 'CANCELLED', 'FAILED', 'NOT_FOUND'],
};

export interface Compared {
  readonly phase: BookingPhase;
  readonly status: BookingStatus;
  /** A person was told already. */
  readonly isWithPerson: boolean;
}

/** @param isVisible whether the provider would show it by now */
export function compare(booking: Compared, said: ProviderState, isVisible: boolean): Comparison {
  const { phase } = booking;
  if (SAME[phase]?.includes(said)) return 'AGREES';
  const isOpen = phase === 'RESERVING' || phase === 'BOOKING' || phase === 'CONFIRMING';
  switch (said) {
    case 'NOT_FOUND':
      if (!isVisible) return 'TOO_EARLY';
      // Of what should stand it is asked for a day, and then a person is told: once.
      return isOpen || phase === 'CANCELLING' || !booking.isWithPerson ? 'LOOK_UP' : 'PERSON';
    case 'CANCELLED':
    case 'FAILED':
      return 'LOOK_UP';
    case 'CONFIRMED':
    case 'HELD':
    case 'PENDING':
      if (isOpen) return 'LOOK_UP';
      break;
    case 'COMPLETED':
    case 'NO_SHOW':
      break;
  }
  // A cancellation under way is made again.
  if (phase === 'CANCELLING') return 'LOOK_UP';
  return afterLookUp(booking, said) === null ? 'PERSON' : 'LOOK_UP';
}
