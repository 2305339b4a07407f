/** A reader of RFC 4180, written apart from the writer it checks. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let field = '';
    if (text[at] === '"') {
      for (at += 1; !(text[at] === '"' && text[at + 1] !== '"'); at++) {
        if (at >= text.length) throw new Error('A quoted field does not end.');
        if (text[at] === '"') at += 1;
        field += text[at] ?? '';
      }
      at += 1;
    } else {
      while (at < text.length && !',\r\n'.includes(text[at] ?? '')) field += text[at++] ?? '';
    }
    row.push(field);
    if (text[at] === ',') at += 1;
    else {
      if (!text.startsWith('\r\n', at)) throw new Error(`Expected the end of a record at ${at}.`);
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
