/** The words of browsing and searching, in every language. */
import type { Sort } from '../../shared/contract.ts';
import type { Language } from './i18n.ts';

export interface GridWords {
  undated: string;
  photos: (n: number, count: string) => string;
  scrubber: string;
  toolbar: string;
  sort: string;
  sorts: Record<Sort, string>;
  zoom: string;
  selected: (n: number, count: string) => string;
  select: string;
  selectAll: string;
  clear: string;
  rate: string;
  stars: (n: number) => string;
  addTag: string;
  tagName: string;
  tagged: (tag: string, n: number, count: string) => string;
  export: string;
  filters: string;
  addFilter: string;
  removeFilter: (name: string) => string;
  clearFilters: string;
  filter: {
    year: string;
    from: string;
    to: string;
    camera: string;
    format: string;
    tag: string;
    rating: string;
    caption: string;
    place: string;
    any: string;
    withCaption: string;
    withoutCaption: string;
    withPlace: string;
    atLeast: (n: number) => string;
    exactly: (words: string) => string;
    without: (words: string) => string;
    since: (day: string) => string;
    until: (day: string) => string;
    dayHint: string;
    calendar: string;
    notADay: string;
  };
  searchEverywhere: string;
  leaveFolder: (name: string) => string;
  none: { title: string; help: string };
  noneHere: (folder: string) => string;
  operators: string;
  recent: string;
  forgetRecent: string;
  saved: string;
  lookCloser: string;
  lookedCloser: string;
  saveSearch: string;
  searchSaved: (name: string) => string;
  removeSearch: (name: string) => string;
  photosLike: (name: string) => string;
  endLikeness: string;
  yourPicture: string;
  drop: string;
  notAPicture: string;
  menu: string;
  open: string;
  similar: string;
  describe: string;
  describing: string;
  copyCaption: string;
  reveal: string;
  copied: string;
  folders: string;
  removeFolder: (name: string) => string;
  removeSure: (name: string) => string;
  removeHelp: string;
  remove: string;
  cancel: string;
}

const en: GridWords = {
  undated: 'No date',
  photos: (n, count) => (n === 1 ? '1 photo' : `${count} photos`),
  scrubber: 'Jump to a date',
  toolbar: 'View',
  sort: 'Sort by',
  sorts: {
    newest: 'Newest first',
    oldest: 'Oldest first',
    name: 'Name',
    rating: 'Rating',
    added: 'Last added',
  },
  zoom: 'Photo size',
  selected: (_n, count) => `${count} selected`,
  select: 'Select',
  selectAll: 'Select all',
  clear: 'Clear selection',
  rate: 'Rating',
  stars: (n) => (n === 0 ? 'No stars' : n === 1 ? '1 star' : `${n} stars`),
  addTag: 'Add tag',
  tagName: 'Tag',
  tagged: (tag, n, count) => (n === 1 ? `Tagged “${tag}”` : `${count} photos tagged “${tag}”`),
  export: 'Export…',
  filters: 'Filters',
  addFilter: 'Filter',
  removeFilter: (name) => `Remove filter: ${name}`,
  clearFilters: 'Clear filters',
  filter: {
    year: 'Year',
    from: 'From',
    to: 'To',
    camera: 'Camera',
    format: 'Format',
    tag: 'Tag',
    rating: 'Rating',
    caption: 'Caption',
    place: 'Place',
    any: 'Any',
    withCaption: 'Has caption',
    withoutCaption: 'No caption',
    withPlace: 'Has place',
    atLeast: (n) => (n === 5 ? '★★★★★' : `${'★'.repeat(n)} or more`),
    exactly: (words) => `“${words}”`,
    without: (words) => `without ${words}`,
    since: (day) => `Since ${day}`,
    until: (day) => `Until ${day}`,
    dayHint: '2024-06-30',
    calendar: 'Pick a day',
    notADay: 'Write a day as 2024-06-30, a month as 2024-06 or a year.',
  },
  searchEverywhere: 'Search everywhere',
  leaveFolder: (name) => `Leave the folder ${name}`,
  none: { title: 'No photos pass these filters', help: 'Take one away, or look in all photos.' },
  noneHere: (folder) => `Only the folder “${folder}” was searched.`,
  operators: '"exact words" in quotes, -word to leave a word out',
  recent: 'Recent searches',
  forgetRecent: 'Clear',
  saved: 'Saved searches',
  lookCloser: 'Look closer',
  lookedCloser: 'The best 24 were looked at once more.',
  saveSearch: 'Save search',
  searchSaved: (name) => `Saved as “${name}”`,
  removeSearch: (name) => `Remove saved search: ${name}`,
  photosLike: (name) => `Photos like ${name}`,
  endLikeness: 'Stop searching by this picture',
  yourPicture: 'your picture',
  drop: 'Drop to find photos like this one',
  notAPicture: 'This is not a picture that can be opened here. Try a JPEG or PNG.',
  menu: 'What to do with this photo',
  open: 'Open',
  similar: 'Find similar',
  describe: 'Describe',
  describing: 'Looking…',
  copyCaption: 'Copy caption',
  reveal: 'Show the file in its folder',
  copied: 'Caption copied',
  folders: 'Folders',
  removeFolder: (name) => `Remove ${name}`,
  removeSure: (name) => `Remove “${name}” from the library?`,
  removeHelp:
    'Your photos on disk stay as they are. Captions and conversations come back if you add the folder again.',
  remove: 'Remove',
  cancel: 'Cancel',
};

const zh: GridWords = {
  undated: '日期不明',
  photos: (_n, count) => `${count} 张照片`,
  scrubber: '跳到某个日期',
  toolbar: '视图',
  sort: '排序方式',
  sorts: {
    newest: '最新的在前',
    oldest: '最早的在前',
    name: '按名称',
    rating: '按评分',
    added: '最近添加',
  },
  zoom: '照片大小',
  selected: (_n, count) => `已选 ${count} 张`,
  select: '选择',
  selectAll: '全选',
  clear: '取消选择',
  rate: '评分',
  stars: (n) => (n === 0 ? '未评分' : `${n} 星`),
  addTag: '加标签',
  tagName: '标签',
  tagged: (tag, n, count) => (n === 1 ? `已加上标签“${tag}”` : `已为 ${count} 张照片加上标签“${tag}”`),
  export: '导出…',
  filters: '筛选条件',
  addFilter: '筛选',
  removeFilter: (name) => `去掉筛选：${name}`,
  clearFilters: '清除筛选',
  filter: {
    year: '年份',
    from: '从',
    to: '到',
    camera: '相机',
    format: '格式',
    tag: '标签',
    rating: '评分',
    caption: '说明',
    place: '地点',
    any: '不限',
    withCaption: '有说明',
    withoutCaption: '没有说明',
    withPlace: '有地点',
    atLeast: (n) => (n === 5 ? '★★★★★' : `${'★'.repeat(n)} 以上`),
    exactly: (words) => `“${words}”`,
    without: (words) => `不含 ${words}`,
    since: (day) => `${day}起`,
    until: (day) => `${day}止`,
    dayHint: '2024-06-30',
    calendar: '选择日期',
    notADay: '请写成 2024-06-30；只写年月或年份也可以。',
  },
  searchEverywhere: '在所有照片中搜索',
  leaveFolder: (name) => `离开文件夹 ${name}`,
  none: { title: '没有符合这些条件的照片', help: '去掉一个条件，或者看看所有照片。' },
  noneHere: (folder) => `只搜索了文件夹“${folder}”。`,
  operators: '引号内为"原样文字"，-词 表示不含这个词',
  recent: '最近搜索',
  forgetRecent: '清空',
  saved: '已存的搜索',
  lookCloser: '仔细比对',
  lookedCloser: '已再看一遍最符合的 24 张。',
  saveSearch: '保存搜索',
  searchSaved: (name) => `已存为“${name}”`,
  removeSearch: (name) => `删除已存的搜索：${name}`,
  photosLike: (name) => `与 ${name} 相似的照片`,
  endLikeness: '不再按这张图搜索',
  yourPicture: '您的图片',
  drop: '松手即可查找相似的照片',
  notAPicture: '这里打不开这个文件。请换一张 JPEG 或 PNG 图片。',
  menu: '对这张照片的操作',
  open: '打开',
  similar: '查找相似照片',
  describe: '描述',
  describing: '正在看…',
  copyCaption: '复制说明',
  reveal: '在文件夹中显示',
  copied: '说明已复制',
  folders: '文件夹',
  removeFolder: (name) => `移除 ${name}`,
  removeSure: (name) => `要从图库中移除“${name}”吗？`,
  removeHelp: '磁盘上的照片不会有任何改动。以后重新添加，说明和对话都会回来。',
  remove: '移除',
  cancel: '取消',
};

export const gridWords: Record<Language, GridWords> = { en, zh };
