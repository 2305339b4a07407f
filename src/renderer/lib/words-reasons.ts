/** What the engine says went wrong, in Chinese: a sentence by its code or its words, and its own words behind. */
import type { ErrorCode } from '../../shared/errors.ts';

/** What stands in the library has no code: it is known by how the engine words it. */
const worded: readonly (readonly [RegExp, (found: string) => string])[] = [
  [/Not decodable as (\w+)/, (type) => `文件已损坏或不完整，无法按 ${type.toUpperCase()} 解码。`],
  [/content is no image format/, () => '内容不是 Iris 认识的图片格式。'],
  [/does not read BMP/, () => 'Iris 不支持 BMP，请另存为 PNG 或 JPEG。'],
  [/HEIC file holds no picture/, () => '这个 HEIC 文件里没有图片。'],
  [/RAW file holds no preview/, () => '这个 RAW 文件里没有 Iris 能读的预览图。'],
  [/(\d+) MB is more than Iris opens/, (mb) => `文件有 ${mb} MB，超出了单张照片的上限。`],
  [/permission denied/, () => '没有读取权限。'],
  [/^The file is gone/, () => '文件已不在原处。'],
  [/an empty file|file is empty/, () => '文件是空的。'],
  [/^Not a photo/, () => '不是照片。'],
  [/^A hidden folder/, () => '这是隐藏的文件夹。'],
  [/^A link;/, () => '这是链接；它指向的文件会在原处读取。'],
  [/^Not a regular file/, () => '不是普通文件。'],
  [/^(\d+) photos of this folder are missing/, (n) => `少了 ${n} 张照片，可能是磁盘没有连接；信息仍保留着。`],
  [/^The server at (\S+) cannot be reached/, (at) => `连接不到服务器 ${at}。请启动它，或换一个模型。`],
  [/^The server at (\S+) gave no answer/, (at) => `服务器 ${at} 没有给出回答。`],
  [
    /^(\S+): expected .* It was deleted/,
    (file) => `${file} 与发布处的不一致，已删除。请再试，或换一个来源。`,
  ],
  [
    /^(https?:\S+) (?:did not give|gave)/,
    (at) => `从 ${at} 下载中断。请检查网络后再下载，已有的部分会保留。`,
  ],
  [/^\S+: (https?:\S+) gave/, (at) => `从 ${at} 下载中断。请检查网络后再下载，会从中断处继续。`],
  [/^(https?:\S+) does not have/, (at) => `${at} 上没有所需的文件。`],
  [/^(https?:\S+) asks for a key/, (at) => `${at} 要求密钥。请先在那里同意模型的条款。`],
  [/needs \d+ MB and .* free/, () => '磁盘空间不足，请先腾出空间。'],
  [/Get the model again/, () => '模型文件缺失或已损坏，请重新获取这个模型。'],
  [/^Its folder is gone/, () => '它的文件夹不见了。请重新添加，或换一个模型。'],
  [/no space left|ENOSPC|disk (or quota )?is full/i, () => '磁盘空间不足。'],
];

const byCode: Record<ErrorCode, string | null> = {
  'not-found': '找不到所需的照片、文件夹或文件。',
  unreadable: '文件无法读取。',
  'not-a-photo': '这不是 Iris 能读的图片。',
  'bad-request': '这样做不到。',
  busy: '图库正在被占用。',
  model: '模型缺失、已损坏，或做不到这件事。',
  crashed: '处理进程意外结束，请再试一次。',
  aborted: '已停止。',
  full: '磁盘空间不足。',
  'newer-library': '图库来自更新版本的 Iris。',
  exists: '那里已有不是 Iris 写的文件，没有覆盖。',
  internal: null,
};

/** The sentence with the engine's own words behind it; those alone where nothing better is known. */
export function chineseReason(text: string, code?: ErrorCode): string {
  for (const [pattern, say] of worded) {
    const found = pattern.exec(text);
    if (found) return `${say(found[1] ?? '')}（${text}）`;
  }
  const known = code === undefined ? null : byCode[code];
  return known === null ? text : `${known}（${text}）`;
}
