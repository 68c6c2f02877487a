import { defineMessages } from '../../i18n/messages.js';

/** Texts of the landing page. */
export const messages = defineMessages(
  {
    title: 'Meet by a link.',
    lead: 'moim is video meetings in the browser: send a link, and talk. No account, nothing to install, and on a server of your own if you like.',
    newMeeting: 'New meeting',
    or: 'or join one',
    roomName: 'Room name',
    roomHint: 'Room name or link',
    join: 'Join',
    invalidRoom: 'That is not a room. Its name has 1 to 64 letters (a–z), digits, hyphens, underscores or full stops.',
    recent: 'Recent rooms',
    forget: (room: string) => `Remove ${room} from the list`,
    points: {
      direct: {
        title: 'Straight to each other',
        text: 'Sound and picture go directly between people whenever the network lets them.',
      },
      private: {
        title: 'Encrypted on the way',
        text: 'Every call is encrypted. Chat and files take the same direct path.',
      },
      open: { title: 'It explains itself', text: 'When a connection is poor, moim shows where and why.' },
    },
  },
  {
    title: '링크 하나로 모임.',
    lead: '모임은 브라우저에서 바로 하는 화상 회의입니다. 링크를 보내면 대화가 시작됩니다. 계정도 설치도 필요 없고, 원하면 직접 운영하는 서버에서 쓸 수 있습니다.',
    newMeeting: '새 모임',
    or: '또는 참가하기',
    roomName: '방 이름',
    roomHint: '방 이름 또는 링크',
    join: '참가',
    invalidRoom: '올바른 방 이름이 아닙니다. 영문자, 숫자, 하이픈, 밑줄, 마침표로 1~64자까지 쓸 수 있습니다.',
    recent: '최근에 들어간 방',
    forget: (room) => `목록에서 ${room} 지우기`,
    points: {
      direct: {
        title: '서로 바로 연결',
        text: '네트워크가 허락하는 한 소리와 화면이 사람과 사람 사이를 직접 오갑니다.',
      },
      private: { title: '암호화된 통화', text: '모든 통화는 암호화됩니다. 채팅과 파일도 같은 길로 오갑니다.' },
      open: { title: '이유를 알려 줍니다', text: '연결이 좋지 않으면 어디가 왜 그런지 보여 줍니다.' },
    },
  },
);
