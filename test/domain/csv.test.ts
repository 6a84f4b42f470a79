import { expect, test } from 'vitest';

import fc from '../helpers/property.ts';
import { csvLine } from '../../src/domain/csv.ts';

/** Reads one line as RFC 4180 says, knowing nothing of who wrote it. */
function readLine(line: string): string[] {
  const cells: string[] = [];
  let rest = line;
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/.exec(rest);
    if (!match) throw new Error(`not a line: ${JSON.stringify(line)}`);
    cells.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === '\r\n') return cells;
    rest = rest.slice(match[0].length);
  }
}

const nasty = fc.array(fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', '"', ',', "'", 'a', '1', 'ش'), {
  maxLength: 8,
});

test('whatever is in a cell is one cell, and no spreadsheet takes it for a formula', () => {
  fc.assert(
    fc.property(fc.array(nasty, { minLength: 1, maxLength: 5 }), (cells) => {
      const texts = cells.map((characters) => characters.join(''));
      const read = readLine(csvLine(texts));
      expect(read.map((cell, index) => (cell === texts[index] ? cell : cell.replace(/^'/, '')))).toEqual(texts);
      for (const cell of read) expect(cell).not.toMatch(/^[=+\-@\t\r\n]/);
    }),
  );
});

test('a number below nothing is a number, and a text that looks like one is a text', () => {
  expect(csvLine([{ number: '-1250.500' }, '-1250.500', { number: '0' }])).toBe("-1250.500,'-1250.500,0\r\n");
});

test('what is no number is never written as one', () => {
  for (const number of ['', '-', '=1', '1e5', '1,5', '+1', ' 1', '.5', 'NaN', '1\r\n=2'])
    expect(() => csvLine([{ number }]), number).toThrow('decimal number');
});
