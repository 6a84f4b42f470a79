import { createContext, useContext } from 'react';

import type { Formats } from '../format.ts';

export const Formatting = createContext<Formats | null>(null);

export function useFormats(): Formats {
  const formats = useContext(Formatting);
  if (!formats) throw new Error('There is no shop around this.');
  return formats;
}
