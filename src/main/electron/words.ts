/** The words of menus, dialogs and notifications; those of the page are its own. */
import type { Job } from '../../shared/contract.ts';

export interface HostWords {
  menu: {
    file: string;
    addFolder: string;
    settings: string;
    edit: string;
    find: string;
    view: string;
    window: string;
    help: string;
    keys: string;
  };
  chooseFolders: string;
  chooseModel: string;
  chooseExport: string;
  addAsk: (folder: string) => string;
  addWhy: string;
  add: string;
  cancel: string;
  done: (job: Job) => { title: string; body: string };
  crashed: string;
  crashedWhy: string;
  failedStart: string;
}

const en: HostWords = {
  menu: {
    file: 'File',
    addFolder: 'Add Folder…',
    settings: 'Settings…',
    edit: 'Edit',
    find: 'Find Photos',
    view: 'View',
    window: 'Window',
    help: 'Help',
    keys: 'Keyboard Shortcuts',
  },
  chooseFolders: 'Choose folders with photos',
  chooseModel: 'Choose the folder of a model',
  chooseExport: 'Choose the folder to export into',
  addAsk: (folder) => `Add the folder “${folder}” to Iris?`,
  addWhy: 'Iris shows photos of folders it knows. It reads them and changes nothing.',
  add: 'Add Folder',
  cancel: 'Cancel',
  done: (job) =>
    job.state === 'failed'
      ? { title: 'Iris had to stop', body: job.error ?? 'The work could not be finished.' }
      : { title: 'Iris is done', body: reportEn(job) },
  crashed: 'The window keeps crashing',
  crashedWhy: 'Your photos and captions are safe. Quit Iris and start it again.',
  failedStart: 'Iris could not start',
};

function reportEn(job: Job): string {
  if (!job.report) return 'The work is finished.';
  const { photos, failed } = job.report;
  return `${photos} ${photos === 1 ? 'photo' : 'photos'}${failed.length > 0 ? `, ${failed.length} could not be read` : ''}.`;
}

const zh: HostWords = {
  menu: {
    file: '文件',
    addFolder: '添加文件夹…',
    settings: '设置…',
    edit: '编辑',
    find: '查找照片',
    view: '显示',
    window: '窗口',
    help: '帮助',
    keys: '键盘快捷键',
  },
  chooseFolders: '选择照片文件夹',
  chooseModel: '选择模型所在的文件夹',
  chooseExport: '选择导出位置',
  addAsk: (folder) => `要把文件夹“${folder}”添加到 Iris 吗？`,
  addWhy: 'Iris 只显示已添加的文件夹里的照片。它只读取，不会改动任何文件。',
  add: '添加文件夹',
  cancel: '取消',
  done: (job) =>
    job.state === 'failed'
      ? { title: 'Iris 未能完成', body: job.error ?? '任务没有做完。' }
      : { title: 'Iris 已完成', body: reportZh(job) },
  crashed: '窗口反复崩溃',
  crashedWhy: '照片和说明都没有丢失。请退出 Iris 后重新打开。',
  failedStart: 'Iris 无法启动',
};

function reportZh(job: Job): string {
  if (!job.report) return '任务已完成。';
  const { photos, failed } = job.report;
  return `共 ${photos} 张照片${failed.length > 0 ? `，其中 ${failed.length} 张无法读取` : ''}。`;
}

/** The words for a system's language, such as `zh-CN`. */
export function hostWords(locale: string): HostWords {
  return /^zh\b/i.test(locale) ? zh : en;
}
