/** The words of one photo: full view, stars, tags, map, captions' history, talk. */
import type { Language } from './i18n.ts';
import type { Topic } from './suggest.ts';

export interface PhotoWords {
  full: {
    open: string;
    close: string;
    previous: string;
    next: string;
    closer: string;
    farther: string;
    whole: string;
    panel: string;
    strip: string;
    at: (at: string, count: string) => string;
    percent: (percent: string) => string;
    sharpening: string;
    small: string;
  };
  stars: { title: string; stars: (n: number) => string };
  tags: { title: string; add: string; hint: string; remove: (tag: string) => string };
  similar: { title: string; none: string; failed: string };
  map: {
    title: string;
    copy: string;
    copied: string;
    open: string;
    leaves: string;
    closer: string;
    farther: string;
    label: (place: string) => string;
  };
  details: { modified: string };
  caption: { restore: string; yours: string; model: string };
  chat: {
    edit: string;
    editing: string;
    ask: string;
    cancel: string;
    replaces: string;
    noModel: string;
    thinking: string;
    model: string;
    by: (model: string) => string;
    unsure: (share: number) => string;
    read: string;
    beside: string;
    besideNone: string;
    besideBlind: (captioner: string, name: string) => string;
    besideHelp: string;
    besideSends: (address: string) => string;
    both: string;
    sees: string;
    reads: string;
    readsThis: string;
    stopped: string;
    thinkingBlind: string;
    fitting: Record<Topic, string>;
    always: readonly string[];
  };
  state: { offline: string; offlineHelp: string; damaged: string };
}

const en: PhotoWords = {
  full: {
    open: 'Fill the window',
    close: 'Back to the photos',
    previous: 'Previous photo',
    next: 'Next photo',
    closer: 'Zoom in',
    farther: 'Zoom out',
    whole: 'Fit to the window',
    panel: 'Caption, details and talk',
    strip: 'Photos around this one',
    at: (at, count) => `${at} of ${count}`,
    percent: (percent) => `${percent} %`,
    sharpening: 'Sharpening…',
    small: 'This is the small copy that Iris keeps: the file itself cannot be read now.',
  },
  stars: {
    title: 'Rating',
    stars: (n) => (n === 1 ? '1 star' : `${n} stars`),
  },
  tags: { title: 'Tags', add: 'Add a tag', hint: 'Add a tag', remove: (tag) => `Remove the tag ${tag}` },
  similar: {
    title: 'Similar photos',
    none: 'No other photo looks like this one yet.',
    failed: 'Similar photos could not be found.',
  },
  map: {
    title: 'Where it was taken',
    copy: 'Copy the coordinates',
    copied: 'Copied',
    open: 'Open in OpenStreetMap',
    leaves: 'Opens a website and tells it this place: that leaves this computer.',
    closer: 'Show the surroundings',
    farther: 'Show the whole world',
    label: (place) => `Map of the world with a pin at ${place}`,
  },
  details: { modified: 'Changed' },
  caption: { restore: 'Restore as yours', yours: 'You wrote', model: 'Model that describes' },
  chat: {
    edit: 'Change this question',
    editing: 'Your question',
    ask: 'Ask this instead',
    cancel: 'Cancel',
    replaces: 'What came after this question goes away.',
    noModel: 'There is no model here that can answer.',
    thinking: 'Looking at the photo…',
    model: 'Model that answers',
    by: (model) => `Answered by ${model}, on this computer`,
    unsure: (share) => `Not sure: ${share} in 100 such answers are right.`,
    read: 'The photo itself did not go to the model: it read the caption above.',
    beside: 'A second answer, beside this model’s',
    besideNone: 'One answer',
    besideBlind: (captioner, name) => `Beside it: ${name}, which reads what ${captioner} says`,
    besideHelp: 'Each question is also answered without seeing the photo. Those answers are not kept.',
    besideSends: (address) => `The caption and your question are sent to ${address}.`,
    both: 'Two answers',
    sees: 'sees the photo',
    reads: 'reads only the caption',
    readsThis: 'The caption that it read',
    stopped: 'Stopped.',
    thinkingBlind: 'Reading the caption…',

    fitting: {
      people: 'What are they wearing?',
      child: 'What is the child doing?',
      animal: 'What is the animal doing?',
      food: 'What is there to eat?',
      sport: 'What are they playing?',
      water: 'What is the water like?',
      writing: 'What does it say?',
      building: 'What kind of place is this?',
      vehicle: 'What colour is it?',
      outdoors: 'What is the weather like?',
    },
    always: ['What is happening here?', 'Where could this be?', 'What stands out?'],
  },
  state: {
    offline: 'The file is not there now.',
    offlineHelp: 'Its drive may be away. Iris keeps what it knows, and a small copy to look at.',
    damaged: 'The file is damaged, or of a kind that Iris cannot read. It was left as it is.',
  },
};

const zh: PhotoWords = {
  full: {
    open: '全窗口查看',
    close: '返回照片列表',
    previous: '上一张',
    next: '下一张',
    closer: '放大',
    farther: '缩小',
    whole: '适合窗口',
    panel: '说明、详情与对话',
    strip: '前后的照片',
    at: (at, count) => `第 ${at} 张，共 ${count} 张`,
    percent: (percent) => `${percent}%`,
    sharpening: '正在变清晰…',
    small: '现在读不到原文件，这里显示的是 Iris 保存的小图。',
  },
  stars: { title: '评分', stars: (n) => `${n} 星` },
  tags: { title: '标签', add: '添加标签', hint: '添加标签', remove: (tag) => `移除标签“${tag}”` },
  similar: {
    title: '相似的照片',
    none: '还没有与它相似的照片。',
    failed: '没能找出相似的照片。',
  },
  map: {
    title: '拍摄地点',
    copy: '复制坐标',
    copied: '已复制',
    open: '在 OpenStreetMap 中打开',
    leaves: '会打开一个网站，并把这个位置告诉它：这项信息将离开本机。',
    closer: '看周边',
    farther: '看整个世界',
    label: (place) => `世界地图，图钉位于 ${place}`,
  },
  details: { modified: '修改时间' },
  caption: { restore: '恢复为您的说明', yours: '您写道', model: '撰写说明的模型' },
  chat: {
    edit: '修改这个问题',
    editing: '您的问题',
    ask: '改问这个',
    cancel: '取消',
    replaces: '这个问题之后的对话会被清除。',
    noModel: '这里还没有能回答问题的模型。',
    thinking: '正在看照片…',
    model: '回答用的模型',
    by: (model) => `由 ${model} 在本机回答`,
    unsure: (share) => `没有把握：这样的回答，一百个里有 ${share} 个是对的。`,
    read: '照片本身没有交给模型，它只读了上面的说明。',
    beside: '并排显示的第二个回答',
    besideNone: '一个回答',
    besideBlind: (captioner, name) => `并排：${name} 只读 ${captioner} 的说明`,
    besideHelp: '每个问题还会由看不到照片的模型回答一遍，这些回答不会保存。',
    besideSends: (address) => `说明和您的问题会发送到 ${address}。`,
    both: '两个回答',
    sees: '看得到照片',
    reads: '只读说明',
    readsThis: '它读到的说明',
    stopped: '已停止。',
    thinkingBlind: '正在读说明…',

    fitting: {
      people: '他们穿着什么？',
      child: '孩子在做什么？',
      animal: '动物在做什么？',
      food: '有什么吃的？',
      sport: '他们在玩什么？',
      water: '水面是什么样子？',
      writing: '上面写着什么？',
      building: '这是什么样的地方？',
      vehicle: '它是什么颜色？',
      outdoors: '天气怎么样？',
    },
    always: ['这里发生了什么？', '这可能是哪里？', '最显眼的是什么？'],
  },
  state: {
    offline: '文件目前不在。',
    offlineHelp: '所在的磁盘可能没有连接。Iris 保留着它的信息和一张小图。',
    damaged: '文件已损坏，或是 Iris 读不了的格式。原文件没有被改动。',
  },
};

export const photoWords: Record<Language, PhotoWords> = { en, zh };
