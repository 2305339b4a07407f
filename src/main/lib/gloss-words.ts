/** Chinese words and questions about photos that a dictionary alone puts badly into English: see gloss.ts. */

/** Words in front of these are counted by them: 一只狗, 那张桌子. */
const measures = '[个個只隻条條张張位名头頭匹件辆輛艘架块塊片座朵棵根支部台顶頂把本杯盘盤碗群对對双雙些]';
export const numbers: Record<string, string> = {
  一: 'a',
  两: 'two',
  兩: 'two',
  二: 'two',
  三: 'three',
  四: 'four',
  五: 'five',
  六: 'six',
  七: 'seven',
  八: 'eight',
  九: 'nine',
  十: 'ten',
  几: 'several',
  幾: 'several',
  这: 'this',
  這: 'this',
  那: 'that',
  每: 'every',
};
export const kinds: Record<string, string> = {
  群: 'group of',
  对: 'pair of',
  對: 'pair of',
  双: 'pair of',
  雙: 'pair of',
};
export const counted = new RegExp(`^([${Object.keys(numbers).join('')}])(${measures})`, 'u');

/** What carries no sense of its own in a search for a photo. */
export const silent = new Set(
  '在 的 地 得 了 着 著 过 過 吗 嗎 呢 吧 啊 们 們 正在 正 起来 起來 下去 过来 過來 过去 過去 出来 出來 进来 進來 者 是'.split(
    ' ',
  ),
);

/** What a dictionary's first sense would get wrong about photos. */
const meanings: Record<string, string> = {
  person: '人',
  people: '人们',
  on: '上',
  under: '下',
  in: '里 裡 中',
  outside: '外',
  'in front of': '前 前面',
  behind: '后 后面 後面',
  beside: '旁 旁边 旁邊',
  and: '和 与',
  with: '跟 有 带 带着',
  'in the sea': '海里',
  'in the water': '水里',
  wearing: '穿 穿着 穿著 戴 戴着',
  holding: '拿 拿着 抱 抱着 抓着 抓住',
  carrying: '提 背 背着',
  'holding in mouth': '叼',
  riding: '骑 騎',
  sitting: '坐',
  standing: '站',
  lying: '躺 趴',
  walking: '走',
  running: '跑 奔跑',
  jumping: '跳',
  flying: '飞 飛',
  playing: '玩 打',
  kicking: '踢',
  'looking at': '看 看着',
  climbing: '爬',
  swimming: '游',
  pushing: '推',
  raising: '举',
  into: '进 進',
  building: '楼',
  tree: '树',
  sky: '天',
  flower: '花',
  car: '车 車',
  bag: '包',
  small: '小',
  big: '大',
  red: '红 紅',
  blue: '蓝 藍',
  yellow: '黄 黃',
  green: '绿 綠',
  white: '白',
  black: '黑',
  gray: '灰',
  purple: '紫',
  orange: '橙',
  pink: '粉',
  brown: '棕',
  fat: '胖',
  number: '号',
  shirt: '恤',
  surfer: '冲浪者',
  child: '小孩',
  what: '什么 什麼',
  or: '还是',
  'how is it': '怎么样',
  this: '这',
  'running into': '跑进',
  'walking into': '走进',
  'jumping into': '跳进',
  'running through': '跑过',
  'walking through': '走过',
  'flying over': '飞过',
  'holding hands': '牵手 牵着手',
  'walking around': '走来走去',
  another: '另',
  'brown and white': '棕白',
  'black and white': '黑白',
  colored: '相间 相間',
};

export const own = new Map(
  Object.entries(meanings).flatMap(([english, words]) =>
    words.split(' ').map((word) => [word, english] as const),
  ),
);

const here = '(?:(?:这张|这个|这|图|照片|图片|画面)(?:照片|图片|图)?(?:里面|里|中|上)?)?(?:都|还)?';

/** The questions people ask of a photo, whose words English puts in another order; \x00 is the thing asked about. */
export const questions: readonly [RegExp, string][] = [
  [new RegExp(`^${here}(?:共)?有(?:几|多少)${measures}?(.+)$`, 'u'), 'how many \0 are there?'],
  [
    new RegExp(`^(?:.*(?:里|中|上))?(.+?)(?:是|有|穿)?(?:着)?什么颜色的?(?:衣服)?$`, 'u'),
    'what color is the \0?',
  ],
  [new RegExp(`^${here}(.+?)(?:正在|在)(?:做|干)(?:些)?(?:什么|啥)$`, 'u'), 'what is the \0 doing?'],
  [new RegExp(`^(.+?)在(?:哪里|哪儿|什么地方)$`, 'u'), 'where is the \0?'],
  [new RegExp(`^${here}(?:是)(?:什么|哪种)(.+)$`, 'u'), 'what \0 is this?'],
  [new RegExp(`^${here}(?:是什么|有什么)$`, 'u'), 'what is this?'],
  [new RegExp(`^${here}(?:有没有|有)(.+?)(?:吗)?$`, 'u'), 'is there a \0?'],
  [new RegExp(`^(?:谁在|谁)(.+)$`, 'u'), 'who is \0?'],
];
