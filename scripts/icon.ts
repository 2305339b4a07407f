/** Draws the app's icon for packages from the page's own: `node scripts/icon.ts` writes build/icon.png. */
import path from 'node:path';
import sharp from 'sharp';

const root = path.resolve(import.meta.dirname, '..');
const size = 1024;
/** Systems round or shade the icon's edge, so it keeps a margin. */
const drawn = 896;

const picture = await sharp(path.join(root, 'src/renderer/iris.svg'), { density: 2400 })
  .resize(drawn, drawn, { fit: 'contain', background: '#0000' })
  .png()
  .toBuffer();
await sharp({ create: { width: size, height: size, channels: 4, background: '#0000' } })
  .composite([{ input: picture, gravity: 'centre' }])
  .png({ compressionLevel: 9 })
  .toFile(path.join(root, 'build/icon.png'));
