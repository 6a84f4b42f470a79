/** The one source of the time. Injected everywhere, so that tests and simulators can turn it. */
export interface Clock {
  now(): Date;
}
