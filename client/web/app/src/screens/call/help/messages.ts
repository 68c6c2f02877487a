import { defineMessages } from '../../../i18n/messages.js';

/** Texts of the keyboard help. */
export const messages = defineMessages(
  {
    title: 'Keyboard and language',
    actions: {
      toggleMicrophone: 'Mute or unmute',
      toggleCamera: 'Camera on or off',
      toggleScreenShare: 'Share screen or stop',
      toggleChat: 'Chat',
      togglePeople: 'People',
      toggleDetails: 'Connection details',
      toggleFullScreen: 'Full screen',
      copyLink: 'Copy link',
      help: 'This help',
    },
    or: 'or',
    action: 'Action',
    keys: 'Keys',
    singleKeys: 'Single-key shortcuts',
    singleKeysHint:
      'Turn this off if keys are pressed by speech input or by accident. Shortcuts with Ctrl or Cmd stay.',
    note: 'Shortcuts do nothing while you type.',
  },
  {
    title: '단축키와 언어',
    actions: {
      toggleMicrophone: '마이크 켜기/끄기',
      toggleCamera: '카메라 켜기/끄기',
      toggleScreenShare: '화면 공유 시작/중지',
      toggleChat: '채팅',
      togglePeople: '참가자',
      toggleDetails: '연결 정보',
      toggleFullScreen: '전체 화면',
      copyLink: '링크 복사',
      help: '이 도움말',
    },
    or: '또는',
    action: '동작',
    keys: '키',
    singleKeys: '한 글자 단축키',
    singleKeysHint: '음성 입력이나 실수로 키가 눌린다면 끄세요. Ctrl이나 Cmd를 쓰는 단축키는 그대로 동작합니다.',
    note: '글을 입력하는 동안에는 단축키가 동작하지 않습니다.',
  },
);
