/** Captions as text in the formats of export: CSV, JSON Lines, HTML with alt text, XMP. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { pathFields } from './paths.ts';

export interface ExportRow {
  absolute: Buffer;
  caption: string;
  source: 'person' | 'model';
  model: string | null;
  takenAt: string;
  width: number;
  height: number;
}

export const csvHeader = 'path,caption,source,model,taken_at,width,height\r\n';

/** One record by RFC 4180. */
export function csvRow(row: ExportRow): string {
  const { path: shown } = pathFields(row.absolute);
  const fields = [shown, row.caption, row.source, row.model ?? '', row.takenAt, row.width, row.height];
  return fields.map((field) => csvField(String(field))).join(',') + '\r\n';
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function jsonLine({ absolute, caption, source, model, takenAt, width, height }: ExportRow): string {
  return JSON.stringify({ ...pathFields(absolute), caption, source, model, takenAt, width, height }) + '\n';
}

/** A page that shows the photos where they lie, each with its caption as alternative text. */
export function htmlPage(rows: ExportRow[], folder: string): string {
  const figures = rows.map((row) => {
    const caption = escapeMarkup(row.caption);
    return `<figure><img src="${escapeMarkup(link(row.absolute, folder))}" alt="${caption}" loading="lazy"><figcaption>${caption}</figcaption></figure>`;
  });
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Captions</title>
<style>body{font:15px system-ui;margin:24px;display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:16px}figure{margin:0}img{width:100%;height:auto}</style></head>
<body>
${figures.join('\n')}
</body>
</html>
`;
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

/** An XMP packet with the caption as dc:description. */
export function xmpPacket(caption: string): string {
  return `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Iris">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">${escapeMarkup(caption)}</rdf:li></rdf:Alt></dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`;
}
