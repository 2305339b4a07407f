/** The page in English. */

export const en = {
  otherLanguage: '中文',
  search: {
    label: 'Search your photos',
    hint: 'What is in the photo?',
    clear: 'Clear the search',
    likely: 'Likely',
    weaker: 'Weaker',
    waiting: (n: string): string => `${n} not searchable yet`,
  },
  searched: (n: number, count: string): string => (n === 1 ? '1 photo found' : `${count} photos found`),
  nothing: {
    likely: (query: string): string => `Nothing clearly fits “${query}”. These come nearest.`,
    title: (query: string): string => `Nothing found for “${query}”`,
    help: 'Try fewer or plainer words: what can be seen, a word of a caption, or part of a file name.',
    examples: 'These will find something:',
  },
  library: {
    title: 'Library',
    all: 'All photos',
    folders: 'Folders',
    empty: 'No photos in this folder yet.',
    offline: 'Offline',
    offlineHelp: 'This folder cannot be reached now. Its photos stay in the library.',
    menu: 'Show the library',
    close: 'Hide the library',
  },
  counts: (n: number, photos: string, searchable: string): string =>
    `${photos} ${n === 1 ? 'photo' : 'photos'}, ${searchable} searchable`,
  waiting: (_n: number, count: string): string => `${count} waiting`,
  first: {
    title: 'Your photos, on this computer',
    text: 'Iris finds photos by what they show, describes them and talks about them. Everything happens here: no photo leaves this computer, and no original is ever changed.',
    steps: [
      'Name a folder with photos',
      'Browse at once while Iris looks at them',
      'Search, open a photo, ask about it',
    ],
  },
  add: {
    open: 'Add a folder',
    label: 'Folder with photos',
    hint: '/home/you/Pictures',
    submit: 'Add folder',
    adding: 'Adding…',
    help: 'The full path of a folder on this computer. Folders inside it are included.',
  },
  job: {
    scan: 'Looking for photos',
    index: 'Making searchable',
    caption: 'Writing captions',
    export: 'Writing files',
    copy: 'Copying',
    finished: 'Finishing',
    rate: (rate: string): string => `${rate} photos/s`,
    left: (time: string): string => `${time} left`,
    cancel: 'Stop this work',
    done: (n: number, count: string, time: string): string =>
      `${count} new ${n === 1 ? 'photo' : 'photos'} in ${time}`,
    cancelled: 'Stopped. Iris goes on from here next time.',
    failed: 'This work has failed',
  },
  failures: (n: number, count: string): string =>
    n === 1 ? '1 could not be read' : `${count} could not be read`,
  lookAgain: 'Look for new photos',
  failuresUnnamed: 'Look for new photos again to see which, and why.',
  skipped: (n: number, count: string): string => (n === 1 ? '1 file left out' : `${count} files left out`),
  tile: { waiting: 'Waiting', failed: 'Cannot be read' },
  why: {
    looks: 'Looks like it',
    weak: 'A little like it',
    caption: 'Caption',
    name: 'File name',
    chat: 'Conversation',
  },
  photo: {
    panel: 'Photo',
    close: 'Close the photo',
    failed: 'This photo cannot be read.',
    waiting: 'This photo is waiting to be looked at. You can browse it by name until then.',
    loading: 'Loading…',
  },
  caption: {
    title: 'Caption',
    thinks: 'Iris thinks',
    none: 'No caption yet.',
    write: 'Write a caption',
    edit: 'Edit your caption',
    save: 'Save',
    cancel: 'Cancel',
    label: 'Your caption',
    describe: 'Describe',
    describing: 'Looking…',
    again: 'Describe again',
    prompt: 'Choose how the description begins',
    promptLabel: 'Begin the description with',
    promptHint: 'Begin with… such as “A painting of”',
    earlier: (n: number): string => (n === 1 ? '1 earlier caption' : `${n} earlier captions`),
    by: (model: string, date: string): string => `${model}, ${date}`,
    you: (date: string): string => `You, ${date}`,
    prompted: (prompt: string): string => `begun with “${prompt}”`,
  },
  chat: {
    title: 'Talk about this photo',
    you: 'You',
    label: 'Ask about this photo',
    hint: 'Ask about this photo',
    send: 'Ask',
    stop: 'Stop',
    again: 'Try again',
    clear: 'Clear the conversation',
    clearSure: 'Clear this conversation for good?',
    yes: 'Clear',
    no: 'Keep',
    sent: 'What the model was given',
    likeliest: 'The likeliest of the answers that this model knows',
    dropped: (n: number): string =>
      n === 1
        ? 'The oldest turn did not fit and was left out.'
        : `The ${n} oldest turns did not fit and were left out.`,
    stopped: 'Stopped.',
    asCaption: 'Use as caption',
    asked: 'The photo itself went to the model with this text.',
  },
  details: {
    title: 'Details',
    taken: 'Taken',
    size: 'Size',
    camera: 'Camera',
    lens: 'Lens',
    exposure: 'Exposure',
    place: 'Place',
    file: 'File',
    missing: 'not there now',
  },
  keys: {
    title: 'Keys',
    open: 'All keys',
    letters: 'Single letters act as keys',
    close: 'Close',
  },
  comma: ', ',
  colon: (name: string, what: string): string => `${name}: ${what}`,
  retry: 'Try again',
  lost: 'Iris has stopped answering. Trying to reach it again…',
  readOnly: 'Another Iris is using this library; here you can look, but not change anything.',
  seconds: (seconds: number): string =>
    seconds < 90
      ? `${Math.max(1, Math.round(seconds))} s`
      : seconds < 5400
        ? `${Math.round(seconds / 60)} min`
        : `${Math.round(seconds / 3600)} h`,
};

/** Every word of the page; each language's dictionary is complete by this type. */
export type Messages = typeof en;
