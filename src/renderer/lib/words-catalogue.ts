/** Words of the catalogue of models that can be downloaded. */
import type { Language } from './i18n.ts';

const en = {
  title: 'Models to download',
  help: (hub: string): string =>
    `A list that came with Iris: nothing was looked up for it. A download connects to ${hub} when you start one, and nothing else does.`,
  none: 'No catalogue came with this Iris. Add a model from a folder.',
  here: 'Here',
  size: 'To download',
  about: (size: string): string => `about ${size}`,
  memory: 'Memory',
  from: 'From',
  can: 'Can',
  unseen:
    'Not all of these facts could be seen where the model is published. What comes is checked by the hashes given there.',
  get: 'Download',
  goOn: (size: string): string => `Go on: ${size} are here`,
  discard: 'Delete what is here',
  sure: (hub: string, size: string): string => `Connect to ${hub} and download about ${size}?`,
  sureHelp:
    'Large files come from where it keeps them, another address. Your photos and words are not sent. What comes is checked before it is ever used, and a download that is cut goes on later.',
  connect: 'Connect and download',
  notNow: 'Not now',
  downloading: (name: string): string => `Downloading ${name}`,
};

export type CatalogueWords = typeof en;

const zh: CatalogueWords = {
  title: '可下载的模型',
  help: (hub) => `这份列表随 Iris 提供，没有联网查询。只有您开始下载时才会连接 ${hub}，其他时候都不会。`,
  none: '这个 Iris 没有附带模型列表。请从文件夹添加模型。',
  here: '已有',
  size: '下载大小',
  about: (size) => `约 ${size}`,
  memory: '内存',
  from: '来源',
  can: '能做什么',
  unseen: '其中有些信息未能在发布处核实。下载的内容会按发布处给出的哈希值校验。',
  get: '下载',
  goOn: (size) => `继续（已有 ${size}）`,
  discard: '删除已下载的部分',
  sure: (hub, size) => `要连接 ${hub} 并下载约 ${size} 吗？`,
  sureHelp:
    '大文件来自它存放文件的另一个地址。您的照片和文字不会被发送。内容在使用前都会校验，中断的下载之后可以继续。',
  connect: '连接并下载',
  notNow: '暂不',
  downloading: (name) => `正在下载 ${name}`,
};

export const catalogueWords: Record<Language, CatalogueWords> = { en, zh };
