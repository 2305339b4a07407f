/** Words of the working pages: jobs and settings. */
import type { Job } from '../../shared/contract.ts';
import type { Language } from './i18n.ts';

const en = {
  jobs: {
    now: 'Now',
    idle: 'Nothing is running.',
    idleAll: (n: number, count: string): string =>
      n === 0
        ? 'No photos yet.'
        : n === 1
          ? 'The one photo is searchable.'
          : `All ${count} photos are searchable.`,
    idleSome: (count: string, waiting: string): string =>
      `${count} photos, ${waiting} of them wait to be made searchable.`,
    look: 'Look for new photos',
    kind: {
      index: 'Adding photos',
      export: 'Exporting',
      model: 'Adding a model',
      rerank: 'Looking closer',
    } satisfies Record<Job['kind'], string>,
    steps: 'Steps',
    pause: 'Pause',
    resume: 'Go on',
    cancel: 'Stop',
    paused: 'Paused',
    started: 'Starting…',
    problems: 'Could not be read',
    problemsHelp: 'These files are left as they are. Everything else in their folders is in the library.',
    skipped: 'Left out',
    skippedHelp: 'Not photos that Iris reads, or links to other places.',
    again: 'Try again',
    more: (count: string): string => `Show ${count} more`,
    none: 'Every file could be read.',
    past: 'Before',
    pastNone: 'What has been done since Iris started stands here.',
    state: {
      running: 'Running',
      paused: 'Paused',
      done: 'Done',
      cancelled: 'Stopped',
      failed: 'Failed',
    } satisfies Record<Job['state'], string>,
    result: (fresh: string, same: string, time: string): string =>
      `${fresh} new, ${same} unchanged, in ${time}`,
    exported: (count: string): string => `${count} exported`,
  },
  away: {
    title: 'Photos that are missing',
    kept: (n: number, count: string): string =>
      `Its drive may be away, so Iris keeps ${n === 1 ? 'its photo' : `its ${count} photos`} and what you wrote about them.`,
    again: 'Look again',
    deleted: 'They were deleted on purpose…',
    sure: 'Photos whose files are gone will no longer be shown. Your words about them are kept, should the files come back.',
    yes: 'Stop showing them',
    no: 'Keep them',
  },
  settings: {
    folders: 'Folders',
    foldersHelp: 'Iris reads these folders and never changes what is in them.',
    foldersNone: 'No folder yet.',
    online: 'Connected',
    offline: 'Offline',
    photos: (n: number, count: string): string => (n === 1 ? '1 photo' : `${count} photos`),
    remove: 'Remove',
    language: 'Language',
    theme: 'Theme',
    keys: 'Keys',
    letters: 'Single letters act as keys',
    lettersHelp: 'Turn this off if you speak to your computer, or type by accident.',
    allKeys: 'Show all keys',
    privacy: 'Privacy',
    privacyText:
      'Photos, captions and conversations stay on this computer. Originals are never changed. There is no account and nothing is counted.',
    connections: 'Connections made',
    connectionsNone: 'none, except when you download a model',
    connectionsTo: (servers: string): string => `only to ${servers}, when you ask a model there`,
    library: 'Library kept in',
  },
};

export type PageWords = typeof en;

const zh: PageWords = {
  jobs: {
    now: '当前',
    idle: '没有正在进行的任务。',
    idleAll: (n, count) => (n === 0 ? '还没有照片。' : `全部 ${count} 张照片都可搜索。`),
    idleSome: (count, waiting) => `共 ${count} 张照片，其中 ${waiting} 张还不能搜索。`,
    look: '查找新照片',
    kind: { index: '加入照片', export: '导出', model: '添加模型', rerank: '仔细比对' },
    steps: '步骤',
    pause: '暂停',
    resume: '继续',
    cancel: '停止',
    paused: '已暂停',
    started: '正在开始…',
    problems: '无法读取',
    problemsHelp: '这些文件保持原样。同一文件夹里的其他照片都已在图库中。',
    skipped: '略过的文件',
    skippedHelp: '不是 Iris 能读的照片，或是指向别处的链接。',
    again: '重试',
    more: (count) => `再显示 ${count} 个`,
    none: '所有文件都能读取。',
    past: '以前的任务',
    pastNone: 'Iris 启动以来完成的任务会列在这里。',
    state: { running: '进行中', paused: '已暂停', done: '完成', cancelled: '已停止', failed: '失败' },
    result: (fresh, same, time) => `新增 ${fresh} 张，${same} 张没有变化，用时 ${time}`,
    exported: (count) => `已导出 ${count} 项`,
  },
  away: {
    title: '找不到的照片',
    kept: (_n, count) => `可能是磁盘没有连接，所以 Iris 仍保留着其中的 ${count} 张照片和您写的文字。`,
    again: '再找一次',
    deleted: '是我有意删除的…',
    sure: '文件已不在的照片将不再显示。您写的文字会保留，文件回来后还能看到。',
    yes: '不再显示',
    no: '继续保留',
  },
  settings: {
    folders: '文件夹',
    foldersHelp: 'Iris 只读取这些文件夹，从不改动其中的内容。',
    foldersNone: '还没有文件夹。',
    online: '已连接',
    offline: '未连接',
    photos: (_n, count) => `${count} 张照片`,
    remove: '移除',
    language: '语言',
    theme: '外观',
    keys: '快捷键',
    letters: '单个字母用作快捷键',
    lettersHelp: '如果您用语音操作电脑，或常常误按，可以关闭。',
    allKeys: '查看所有快捷键',
    privacy: '隐私',
    privacyText: '照片、说明和对话都留在这台电脑上，原件绝不改动。没有账号，也不做任何统计。',
    connections: '联网记录',
    connectionsNone: '无，您下载模型时除外',
    connectionsTo: (servers) => `仅在您向那里的模型提问时，连接 ${servers}`,
    library: '图库保存在',
  },
};

export const pageWords: Record<Language, PageWords> = { en, zh };
