import { defineMessages } from '../../i18n/messages.js';

/** Texts of the page after a call. */
export const messages = defineMessages(
  {
    rejoin: 'Rejoin',
    retry: 'Try again',
    reasons: {
      clientInitiated: { title: 'You left the meeting', text: 'The others can go on without you.' },
      kicked: {
        title: 'You were removed',
        text: 'An admin of the meeting removed you. If that was a mistake, ask them before you come back.',
      },
      roomClosed: { title: 'The meeting was ended', text: 'An admin ended it for everybody.' },
      replaced: {
        title: 'You joined from somewhere else',
        text: 'The same person may be in a meeting once, so this page left it. Rejoin here to bring it back.',
      },
      dropped: {
        title: 'The server ended your connection',
        text: 'It got more messages than it takes, or they were not read in time. Rejoin; if it happens again, load the page anew.',
      },
      serverShutdown: { title: 'The server is restarting', text: 'Wait a moment, then rejoin.' },
      connectionLost: {
        title: 'The connection was lost',
        text: 'It did not come back in time. Check your network, then rejoin.',
      },
      tokenExpired: { title: 'Your invitation has expired', text: 'Ask whoever invited you for a new link.' },
      tokenMissing: {
        title: 'This meeting needs an invitation',
        text: 'This server lets in only people with a personal link. Ask whoever invited you for yours.',
      },
      tokenInvalid: {
        title: 'This invitation is not valid',
        text: 'The link is damaged or was made for another server. Copy it again in full, or ask for a new one.',
      },
      wrongRoom: {
        title: 'The invitation is for another room',
        text: 'Use the link exactly as you got it, or ask for one to this room.',
      },
      roomFull: {
        title: 'The room is full',
        text: 'As many people as it takes are in it. Try again when somebody has left.',
      },
      tooManyRooms: { title: 'The server is full', text: 'It holds as many meetings as it takes. Try again later.' },
      serverFull: { title: 'The server is full', text: 'It holds as many people as it takes. Try again later.' },
      draining: {
        title: 'The server is about to restart',
        text: 'It takes nobody new until then. Try again in a minute.',
      },
      unreachable: {
        title: 'The server cannot be reached',
        text: 'Check your network and whether the address is right. A company’s firewall may block it, or the server may be down.',
      },
      unsupportedVersion: {
        title: 'This page is out of date',
        text: 'The server has been updated. Load the page again.',
      },
      permissionDenied: { title: 'You may not enter', text: 'Your invitation does not allow it. Ask whoever sent it.' },
      invalidArgument: {
        title: 'The name was not accepted',
        text: 'Go back and choose another name; a shorter one without special characters will do.',
      },
      other: {
        title: 'You could not enter the meeting',
        text: 'Something unexpected happened. Try again; if it stays, tell whoever runs this server the code below.',
      },
    } as Record<string, { title: string; text: string }>,
    code: (code: string) => `Code: ${code}`,
  },
  {
    rejoin: '다시 참가',
    retry: '다시 시도',
    reasons: {
      clientInitiated: { title: '모임에서 나왔습니다', text: '다른 사람들은 계속 이야기할 수 있습니다.' },
      kicked: {
        title: '모임에서 퇴장되었습니다',
        text: '관리자가 내보냈습니다. 착오인 것 같으면 다시 들어오기 전에 관리자에게 물어보세요.',
      },
      roomClosed: { title: '모임이 끝났습니다', text: '관리자가 모임을 종료했습니다.' },
      replaced: {
        title: '다른 곳에서 참가했습니다',
        text: '같은 사람은 한 곳에서만 참가할 수 있어 이 페이지는 모임에서 나왔습니다. 여기서 계속하려면 다시 참가하세요.',
      },
      dropped: {
        title: '서버가 연결을 끊었습니다',
        text: '메시지를 너무 많이 보냈거나 제때 받지 못했습니다. 다시 참가해 보고, 반복되면 페이지를 새로 불러오세요.',
      },
      serverShutdown: { title: '서버가 다시 시작되고 있습니다', text: '잠시 뒤 다시 참가하세요.' },
      connectionLost: {
        title: '연결이 끊겼습니다',
        text: '제한 시간 안에 다시 연결되지 않았습니다. 네트워크를 확인하고 다시 참가하세요.',
      },
      tokenExpired: { title: '초대가 만료되었습니다', text: '초대한 사람에게 새 링크를 요청하세요.' },
      tokenMissing: {
        title: '초대가 필요한 모임입니다',
        text: '이 서버에는 개인 링크가 있는 사람만 들어올 수 있습니다. 초대한 사람에게 링크를 요청하세요.',
      },
      tokenInvalid: {
        title: '유효하지 않은 초대입니다',
        text: '링크가 손상되었거나 다른 서버의 링크입니다. 링크 전체를 다시 복사하거나 새 링크를 요청하세요.',
      },
      wrongRoom: { title: '다른 방의 초대입니다', text: '받은 링크를 그대로 쓰거나, 이 방의 링크를 요청하세요.' },
      roomFull: { title: '방이 가득 찼습니다', text: '더 들어올 자리가 없습니다. 누군가 나가면 다시 시도하세요.' },
      tooManyRooms: { title: '서버가 가득 찼습니다', text: '더 이상 모임을 열 수 없습니다. 나중에 다시 시도하세요.' },
      serverFull: { title: '서버가 가득 찼습니다', text: '더 이상 참가할 수 없습니다. 나중에 다시 시도하세요.' },
      draining: {
        title: '서버가 곧 다시 시작됩니다',
        text: '그때까지 새로 참가할 수 없습니다. 1분 뒤 다시 시도하세요.',
      },
      unreachable: {
        title: '서버에 연결할 수 없습니다',
        text: '네트워크와 주소를 확인하세요. 회사 방화벽이 막고 있거나 서버가 멈췄을 수 있습니다.',
      },
      unsupportedVersion: {
        title: '페이지가 오래되었습니다',
        text: '서버가 업데이트되었습니다. 페이지를 다시 불러오세요.',
      },
      permissionDenied: {
        title: '들어갈 수 없습니다',
        text: '이 초대에는 필요한 권한이 없습니다. 초대한 사람에게 물어보세요.',
      },
      invalidArgument: { title: '쓸 수 없는 이름입니다', text: '돌아가서 특수 문자가 없는 더 짧은 이름을 입력하세요.' },
      other: {
        title: '모임에 들어가지 못했습니다',
        text: '예상하지 못한 문제가 생겼습니다. 다시 시도하고, 계속되면 서버 운영자에게 아래 코드를 알려 주세요.',
      },
    } as Record<string, { title: string; text: string }>,
    code: (code) => `코드: ${code}`,
  },
);
