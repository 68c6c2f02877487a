import { defineMessages } from './messages.js';
import { plural } from './plural.js';

/** Texts of what every screen shares. */
export const uiMessages = defineMessages(
  {
    language: 'Language',
    close: 'Close',
    cancel: 'Cancel',
    dismiss: 'Dismiss',
    home: 'Home',
    copied: 'Link copied',
    copyFailed: 'The link could not be copied. Copy it from the address bar.',
    loading: 'Loading…',
    loadFailed: 'This part of the app did not arrive. Check your connection and load the page again.',
    moreAnnouncements: (count: number) =>
      plural(count, { one: 'and 1 more notice', other: `and ${count} more notices` }),
  },
  {
    language: '언어',
    close: '닫기',
    cancel: '취소',
    dismiss: '닫기',
    home: '처음으로',
    copied: '링크를 복사했습니다',
    copyFailed: '링크를 복사하지 못했습니다. 주소창에서 복사해 주세요.',
    loading: '불러오는 중…',
    loadFailed: '앱의 일부를 불러오지 못했습니다. 네트워크 연결을 확인한 뒤 페이지를 다시 불러오세요.',
    moreAnnouncements: (count) => `그 밖의 알림 ${count}개`,
  },
);
