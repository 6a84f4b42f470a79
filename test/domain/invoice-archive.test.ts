import { expect, test } from 'vitest';
import { checkMonth, MANIFEST_HEAD, manifestLine } from '../../src/domain/invoice-archive.ts';

const LINE = {
  number: 'INV-000001',
  kind: 'INVOICE',
  date: '2026-11-21',
  total: '1250.50',
  currency: 'EGP',
  sha256: 'ab',
};

test('a line of the manifest has a cell for every column, and ends as the format says', () => {
  expect(MANIFEST_HEAD).toBe('number,kind,date,total,currency,sha256\r\n');
  expect(manifestLine(LINE)).toBe('INV-000001,INVOICE,2026-11-21,1250.50,EGP,ab\r\n');
});

test.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t=1"],
  ['\r=1', '"\'\r=1"'],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['a\r\nb', '"a\r\nb"'],
])('a cell %j is text in a spreadsheet, and one cell', (number, shown) => {
  expect(manifestLine({ ...LINE, number })).toBe(`${shown},INVOICE,2026-11-21,1250.50,EGP,ab\r\n`);
});

test('a month is written in one way', () => {
  expect(checkMonth('2026-01')).toBe('2026-01');
  for (const month of [
    '',
    '2026',
    '2026-13',
    '2026-00',
    '2026-1',
    '26-01',
    '2026-01-01',
    ' 2026-01',
    '1999-01',
    '٢٠٢٦-٠١',
  ])
    expect(() => checkMonth(month), month).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', field: ['month'] }),
    );
});
