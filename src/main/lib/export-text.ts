/** Captions as text in the formats of export: CSV, JSON Lines, HTML with alt text, XMP. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { exportFields, type ExportField } from '../../shared/contract.ts';
import { pathFields } from './paths.ts';

export interface ExportRow {
  absolute: Buffer;
  /** '' where the photo has none. */
  caption: string;
  source: 'person' | 'model' | null;
  model: string | null;
  takenAt: string;
  width: number;
  height: number;
  /** Stars as Iris shows them; null where there are none. */
  rating: number | null;
  /** The stars a person set here, 0 included: only these go back beside the photo. */
  ownRating: number | null;
  tags: string[];
}

/** A file of all photos, made piece by piece. */
export interface TableText {
  head: string;
  row: (row: ExportRow) => string;
  tail: string;
}

const usualFields: readonly ExportField[] = ['path', 'caption', 'source', 'model', 'takenAt', 'size'];

/** The columns in their own order, whatever order they were asked for in; path and caption always. */
function columns(fields: readonly ExportField[] = usualFields): ExportField[] {
  return exportFields.filter((field) => field === 'path' || field === 'caption' || fields.includes(field));
}

type Cell = string | number | null | string[];

/** What a column holds, by its names in JSON: a size is two numbers, a path may need its bytes beside it. */
const cells: Record<ExportField, (row: ExportRow) => Record<string, Cell>> = {
  path: ({ absolute }) => pathFields(absolute),
  caption: ({ caption }) => ({ caption }),
  source: ({ source }) => ({ source }),
  model: ({ model }) => ({ model }),
  takenAt: ({ takenAt }) => ({ takenAt }),
  size: ({ width, height }) => ({ width, height }),
  rating: ({ rating }) => ({ rating }),
  tags: ({ tags }) => ({ tags }),
};

const csvNames: Partial<Record<ExportField, string>> = { takenAt: 'taken_at', size: 'width,height' };

/** Records by RFC 4180. */
export function csvTable(fields?: readonly ExportField[]): TableText {
  const chosen = columns(fields);
  return {
    head: chosen.map((field) => csvNames[field] ?? field).join(',') + '\r\n',
    row: (row) => chosen.flatMap((field) => csvCells(field, row)).join(',') + '\r\n',
    tail: '',
  };
}

function csvCells(field: ExportField, row: ExportRow): string[] {
  const shown = Object.entries(cells[field](row)).filter(([name]) => name !== 'pathBytes');
  return shown.map(([, cell]) => csvField(Array.isArray(cell) ? cell.join('; ') : String(cell ?? '')));
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function jsonTable(fields?: readonly ExportField[]): TableText {
  const chosen = columns(fields);
  const row = (of: ExportRow): string =>
    JSON.stringify(Object.assign({}, ...chosen.map((field) => cells[field](of)))) + '\n';
  return { head: '', row, tail: '' };
}

/** A page in `folder` that shows the photos where they lie, each with its caption as alternative text. */
export function htmlTable(folder: string): TableText {
  return {
    head: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Captions</title>
<style>body{font:15px system-ui;margin:24px;display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:16px}figure{margin:0}img{width:100%;height:auto}</style></head>
<body>
`,
    row(row) {
      const caption = escapeMarkup(row.caption);
      return `<figure><img src="${escapeMarkup(link(row.absolute, folder))}" alt="${caption}" loading="lazy"><figcaption>${caption}</figcaption></figure>\n`;
    },
    tail: '</body>\n</html>\n',
  };
}

/** Relative where the photo lies below the page's folder's parent, so that both can be moved together. */
function link(absolute: Buffer, folder: string): string {
  const shown = pathFields(absolute).path;
  const relative = path.relative(folder, shown);
  if (path.isAbsolute(relative)) return pathToFileURL(shown).href;
  return relative.split(path.sep).map(encodeURIComponent).join('/');
}

/** Text for an element or a quoted attribute of HTML or XML, without characters that XML forbids. */
export function escapeMarkup(text: string): string {
  const clean = text.replaceAll(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\uFFFE\uFFFF]/gu, '');
  return clean
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** An XMP packet: the caption as dc:description, and what a person decided as dc:subject and xmp:Rating. */
export function xmpPacket({ caption, tags, ownRating }: ExportRow): string {
  const rating =
    ownRating === null ? '' : ` xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="${ownRating}"`;
  const items = tags.map((tag) => `<rdf:li>${escapeMarkup(tag)}</rdf:li>`).join('');
  const parts = [
    caption &&
      `   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">${escapeMarkup(caption)}</rdf:li></rdf:Alt></dc:description>\n`,
    items && `   <dc:subject><rdf:Bag>${items}</rdf:Bag></dc:subject>\n`,
  ];
  return `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Iris">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"${rating}>
${parts.join('')}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}
