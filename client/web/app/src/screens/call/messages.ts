import type { Topology, TopologyReason } from 'moim-client';
import { defineMessages } from '../../i18n/messages.js';
import { plural } from '../../i18n/plural.js';

/** How much of a chat message a screen reader is told. */
const SPOKEN_CHARACTERS_MAX = 140;

/** How media travels directly, in a quiet line. */
const MESH = { en: 'Directly between you', ko: '참가자끼리 직접 연결됨' };

/** By the server, and why. */
const WAYS: Record<'en' | 'ko', Record<TopologyReason, string>> = {
  en: {
    configured: 'Through the server, as it is set up',
    few: 'Through the server',
    many: 'Through the server, as more than two people are here',
    pathPoor: 'Through the server, as a direct connection was poor',
    pathAbsent: 'Through the server, as not everybody can connect directly',
    serverOnly: 'Through the server, as an encoder or player is here',
  },
  ko: {
    configured: '서버를 거쳐 연결됨: 서버 설정',
    few: '서버를 거쳐 연결됨',
    many: '서버를 거쳐 연결됨: 세 명 이상이 함께하고 있습니다',
    pathPoor: '서버를 거쳐 연결됨: 직접 연결의 상태가 나빴습니다',
    pathAbsent: '서버를 거쳐 연결됨: 직접 연결할 수 없는 사람이 있습니다',
    serverOnly: '서버를 거쳐 연결됨: 송출 또는 재생 프로그램이 함께하고 있습니다',
  },
};

/** Texts of the call, without those of panels that are loaded later. */
export const callMessages = defineMessages(
  {
    mute: 'Mute microphone',
    unmute: 'Unmute microphone',
    stopCamera: 'Stop camera',
    startCamera: 'Start camera',
    share: 'Share screen',
    stopSharing: 'Stop sharing',
    chat: 'Chat',
    people: 'People',
    details: 'Connection details',
    copyLink: 'Copy link',
    copyInvitation: 'Copy invitation',
    stop: 'Stop',
    fullScreen: 'Full screen',
    leave: 'Leave',
    more: 'More',
    settings: 'Keyboard and language',
    microphoneMenu: 'Choose microphone and speaker',
    cameraMenu: 'Choose camera',
    microphone: 'Microphone',
    camera: 'Camera',
    speaker: 'Speaker',
    unnamedDevice: (index: number) => `Device ${index}`,
    noDevices: 'None found',
    unread: (count: number) => plural(count, { one: '1 unread message', other: `${count} unread messages` }),

    nameYou: (name: string) => `${name} (you)`,
    participants: 'Participants',
    page: (page: number, pages: number) => `Page ${page} of ${pages}`,
    previousPage: 'Previous page',
    nextPage: 'Next page',
    pictureHeld: 'Your connection is too slow for this picture',
    way: (topology: Topology, reason: TopologyReason) => (topology === 'sfu' ? WAYS.en[reason] : MESH.en),
    screenOf: (name: string) => `${name}’s screen`,
    yourScreen: 'Your screen',
    pictureOf: (name: string) => `${name}’s camera`,
    youShare: 'You are sharing your screen',
    muted: 'Microphone off',
    connecting: 'Connecting…',
    reconnecting: 'Reconnecting…',
    quality: {
      excellent: 'Connection: excellent',
      good: 'Connection: good',
      poor: 'Connection: poor',
      lost: 'Connection: lost',
      unknown: 'Connection: measuring',
    },
    qualityOf: (name: string, quality: string) => `${name}. ${quality}. Show details`,

    alone: { title: 'You’re the first here', text: 'Share this link with the people you want to meet.' },

    banner: {
      reconnecting:
        'The connection to the server was lost. Reconnecting… People you are already connected to can still see and hear you.',
      draining: 'This server is about to restart. The call goes on, and the app connects again by itself.',
      sound: 'Your browser is holding the sound back.',
      turnOnSound: 'Turn on sound',
      mutedTalk: 'You are talking, but your microphone is off.',
      unmute: 'Unmute',
    },

    joined: (name: string) => `${name} joined`,
    gone: (name: string) => `${name} left`,
    chatFrom: (name: string, text: string) => `${name}: ${text.slice(0, SPOKEN_CHARACTERS_MAX)}`,
    fileFrom: (name: string, file: string) => `${name} offers the file ${file}`,
    fileReceived: (file: string) => `${file} has arrived`,
    filesNeedDirect:
      'Files go directly from one to the other. That is not possible while the call goes through the server.',
    publishFailed: {
      microphone: 'The others cannot hear you: the microphone could not be published. Turn it off and on again.',
      camera: 'The others cannot see you: the camera could not be published. Turn it off and on again.',
    },
    failures: {
      permissionDenied: 'Not allowed. Allow it in the browser’s address bar, then try again.',
      notFound: 'No such device was found.',
      inUse: 'The device is in use by another program. Close that, then try again.',
      rateLimited: 'That was too much at once. Wait a moment.',
      tooLarge: 'That is larger than the server takes.',
      notConnected: 'Not connected just now. Try again in a moment.',
      unknownParticipant: 'They are no longer in the room.',
      notReachable: 'There is nobody to reach directly just now. Try again in a moment.',
      fileTooLong: 'This file is too large to send.',
      tooManyFiles: 'Too many files at once. Wait until some have arrived.',
      channelFull: 'That was too much at once. Wait a moment.',
      connectionLost: 'The connection was lost before that took effect. Try again.',
      other: 'That did not work.',
    } as Record<string, string>,
    failure: (error: unknown) => failureText(error),

    titleMuted: 'Muted',
    titleReconnecting: 'Reconnecting…',
  },
  {
    mute: '마이크 음소거',
    unmute: '마이크 음소거 해제',
    stopCamera: '카메라 끄기',
    startCamera: '카메라 켜기',
    share: '화면 공유',
    stopSharing: '공유 중지',
    chat: '채팅',
    people: '참가자',
    details: '연결 정보',
    copyLink: '링크 복사',
    copyInvitation: '초대 링크 복사',
    stop: '중지',
    fullScreen: '전체 화면',
    leave: '나가기',
    more: '더보기',
    settings: '단축키와 언어',
    microphoneMenu: '마이크와 스피커 선택',
    cameraMenu: '카메라 선택',
    microphone: '마이크',
    camera: '카메라',
    speaker: '스피커',
    unnamedDevice: (index) => `장치 ${index}`,
    noDevices: '찾을 수 없음',
    unread: (count) => `읽지 않은 메시지 ${count}개`,

    nameYou: (name) => `${name} (나)`,
    participants: '참가자',
    page: (page, pages) => `${pages}페이지 중 ${page}페이지`,
    previousPage: '이전 페이지',
    nextPage: '다음 페이지',
    pictureHeld: '연결이 느려 영상을 받을 수 없습니다',
    way: (topology, reason) => (topology === 'sfu' ? WAYS.ko[reason] : MESH.ko),
    screenOf: (name) => `${name}님의 화면`,
    yourScreen: '내 화면',
    pictureOf: (name) => `${name}님의 카메라`,
    youShare: '화면을 공유하고 있습니다',
    muted: '마이크 꺼짐',
    connecting: '연결하는 중…',
    reconnecting: '다시 연결하는 중…',
    quality: {
      excellent: '연결 상태: 아주 좋음',
      good: '연결 상태: 좋음',
      poor: '연결 상태: 나쁨',
      lost: '연결 상태: 끊김',
      unknown: '연결 상태: 측정 중',
    },
    qualityOf: (name, quality) => `${name}. ${quality}. 자세히 보기`,

    alone: { title: '가장 먼저 오셨네요', text: '함께할 사람에게 이 링크를 보내세요.' },

    banner: {
      reconnecting: '서버와의 연결이 끊겨 다시 연결하고 있습니다. 이미 연결된 사람과는 계속 대화할 수 있습니다.',
      draining: '서버가 곧 다시 시작됩니다. 통화는 계속되며, 앱이 자동으로 다시 연결합니다.',
      sound: '브라우저가 소리를 막고 있습니다.',
      turnOnSound: '소리 켜기',
      mutedTalk: '말씀하고 계신데 마이크가 꺼져 있습니다.',
      unmute: '음소거 해제',
    },

    joined: (name) => `${name}님이 들어왔습니다`,
    gone: (name) => `${name}님이 나갔습니다`,
    chatFrom: (name, text) => `${name}: ${text.slice(0, SPOKEN_CHARACTERS_MAX)}`,
    fileFrom: (name, file) => `${name}님이 보내려는 파일: ${file}`,
    fileReceived: (file) => `받은 파일: ${file}`,
    filesNeedDirect: '파일은 참가자끼리 직접 주고받습니다. 통화가 서버를 거치는 동안에는 보낼 수 없습니다.',
    publishFailed: {
      microphone: '마이크 소리를 전송하지 못해 다른 사람이 내 말을 들을 수 없습니다. 마이크를 껐다가 다시 켜 보세요.',
      camera: '카메라 영상을 전송하지 못해 다른 사람이 나를 볼 수 없습니다. 카메라를 껐다가 다시 켜 보세요.',
    },
    failures: {
      permissionDenied: '사용이 허용되지 않았습니다. 브라우저 주소창에서 허용한 뒤 다시 시도하세요.',
      notFound: '장치를 찾을 수 없습니다.',
      inUse: '다른 프로그램이 장치를 쓰고 있습니다. 그 프로그램을 닫은 뒤 다시 시도하세요.',
      rateLimited: '한꺼번에 너무 많이 보냈습니다. 잠시 기다려 주세요.',
      tooLarge: '서버가 받을 수 있는 크기를 넘었습니다.',
      notConnected: '지금은 연결되어 있지 않습니다. 잠시 뒤 다시 시도하세요.',
      unknownParticipant: '이미 방에서 나간 사람입니다.',
      notReachable: '지금은 직접 연결된 사람이 없습니다. 잠시 뒤 다시 시도하세요.',
      fileTooLong: '파일이 너무 커서 보낼 수 없습니다.',
      tooManyFiles: '한꺼번에 보내는 파일이 너무 많습니다. 일부가 도착할 때까지 기다려 주세요.',
      channelFull: '한꺼번에 너무 많이 보냈습니다. 잠시 기다려 주세요.',
      connectionLost: '처리되기 전에 연결이 끊겼습니다. 다시 시도하세요.',
      other: '요청을 처리하지 못했습니다.',
    } as Record<string, string>,
    failure: (error) => failureText(error),

    titleMuted: '음소거',
    titleReconnecting: '다시 연결하는 중…',
  },
);

function failureText(error: unknown): string {
  const { failures } = callMessages.value;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'other';
  return failures[code] ?? failures['other'] ?? '';
}
