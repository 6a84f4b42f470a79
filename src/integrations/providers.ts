import { BOOKING } from './booking/description.ts';
import { EXPEDIA } from './expedia/description.ts';
import { KIWI } from './kiwi/description.ts';
import type { ProviderDescription } from './travel.ts';
import { TRAVELPAYOUTS } from './travelpayouts/description.ts';

/** Every travel provider there is an integration with (PRV-2). A provider of another name cannot be configured. */
export const TRAVEL_PROVIDERS: readonly ProviderDescription[] = [EXPEDIA, BOOKING, KIWI, TRAVELPAYOUTS];
