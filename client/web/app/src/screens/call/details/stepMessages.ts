import { language } from '../../../i18n/language.js';

/** The data of a step. */
export type StepData = Readonly<Record<string, string | number>>;
/** How a step reads, and what it means. */
export interface StepText {
  readonly text: (data: StepData) => string;
  readonly why: string;
}

const address = (data: StepData) => `${data['address'] || '···'}:${data['port']}`;

const en = {
  attemptBegan: { text: () => 'Began to connect', why: 'Whoever joined later begins: this side prepares an offer.' },
  attemptAccepted: {
    text: () => 'The other side began to connect',
    why: 'They joined later, so the first offer comes from them.',
  },
  offerSent: {
    text: () => 'Sent an offer',
    why: 'An offer (SDP) lists what this browser can send and receive, its keys’ fingerprint and its ICE credentials. The server only passes it on.',
  },
  offerReceived: {
    text: () => 'Received an offer',
    why: 'The other browser’s list of what it can send and receive, with its keys’ fingerprint.',
  },
  offerIgnored: {
    text: () => 'Passed over their offer',
    why: 'Both sides offered at once. One gives way, and that is the other side.',
  },
  offerGivenUp: {
    text: () => 'Took back our offer for theirs',
    why: 'Both sides offered at once. One gives way, and that is this side.',
  },
  answerSent: {
    text: () => 'Sent the answer',
    why: 'The answer picks from the offer what both sides can do. With it both know how to talk.',
  },
  answerReceived: {
    text: () => 'Received the answer',
    why: 'The answer picks from the offer what both sides can do. With it both know how to talk.',
  },
  gatheringBegan: {
    text: () => 'Looking for addresses',
    why: 'The browser collects every address it might be reached at: its own, its public one (STUN) and a relay’s (TURN).',
  },
  gatheringComplete: {
    text: () => 'All addresses found',
    why: 'Every STUN and TURN server has answered or been given up on.',
  },
  candidateError: {
    text: (data) => `No address from ${data['url']} (${data['errorCode']})`,
    why: 'A STUN or TURN server did not answer, or refused. Often a firewall; 701 means that it was not reached at all. The others may be enough.',
  },
  localCandidate: {
    text: (data) => `Own candidate: ${data['type']}, ${data['protocol']} ${address(data)}`,
    why: 'A candidate is an address to try. host: of a network card; srflx: the public one as a STUN server saw it; relay: one that a TURN server lends.',
  },
  remoteCandidate: {
    text: (data) => `Their candidate: ${data['type']}, ${data['protocol']} ${address(data)}`,
    why: 'An address at which the other side may be reached. It came through the server as soon as they found it.',
  },
  remoteEndOfCandidates: {
    text: () => 'They have no more candidates',
    why: 'From here on nothing new comes from them: one of the pairs known has to do.',
  },
  iceNew: { text: () => 'ICE starts over', why: 'Nothing has been checked yet.' },
  iceChecking: {
    text: () => 'Checking pairs',
    why: 'ICE sends small requests from each own candidate to each of theirs. A pair works when an answer comes back.',
  },
  iceConnected: {
    text: () => 'A path works',
    why: 'At least one pair answered: packets can flow. Better pairs may still be found.',
  },
  iceCompleted: { text: () => 'Checks are complete', why: 'All pairs were checked and the best one is in use.' },
  iceDisconnected: {
    text: () => 'The path went silent',
    why: 'Checks on the path in use are not being answered. It may come back by itself.',
  },
  iceFailed: {
    text: () => 'No path works',
    why: 'Every pair was checked in vain. Usually firewalls; a TURN server on TCP port 443 helps in most such networks.',
  },
  iceClosed: { text: () => 'ICE closed', why: 'This connection is over.' },
  pairSucceeded: {
    text: (data) => `Works: ${data['path']}`,
    why: 'A request went there and its answer came back, so this pair of addresses can carry media.',
  },
  pairFailed: {
    text: (data) => `Does not work: ${data['path']}`,
    why: 'No answer came back. Common between private addresses of different networks, and harmless as long as another pair works.',
  },
  pairSelected: {
    text: (data) => `In use: ${data['path']}`,
    why: 'Of the pairs that work, media takes the one with the highest priority: direct before relayed.',
  },
  dtlsConnecting: {
    text: () => 'Exchanging keys',
    why: 'DTLS: both sides prove, by the fingerprints in offer and answer, that they are who the offer came from, and agree on keys.',
  },
  dtlsConnected: {
    text: () => 'Keys agreed',
    why: 'From here on all media and data are encrypted between the two browsers.',
  },
  dtlsAgreed: {
    text: (data) => `DTLS ${data['version']}, ${data['cipher']}`,
    why: 'The cipher protects data; the SRTP profile that was agreed with it protects sound and picture.',
  },
  dtlsFailed: {
    text: () => 'Key exchange failed',
    why: 'The fingerprints did not match or the handshake was cut. No media may flow.',
  },
  dtlsClosed: { text: () => 'Encryption ended', why: 'The other side closed the connection.' },
  channelOpen: {
    text: () => 'Data channel open',
    why: 'Chat and files now travel directly between the two browsers, encrypted by the same keys.',
  },
  frameDropped: {
    text: () => 'A message was dropped',
    why: 'Something came through the data channel that this version does not understand, or that was too large.',
  },
  firstPacketSent: { text: (data) => `First packet sent (${data['source']})`, why: 'Media leaves this browser.' },
  firstPacketReceived: {
    text: (data) => `First packet received (${data['source']})`,
    why: 'Media arrives here. A picture shows once a whole frame is in.',
  },
  firstFrameSent: { text: (data) => `First frame sent (${data['source']})`, why: 'The first picture was encoded.' },
  firstFrameReceived: {
    text: (data) => `First frame received (${data['source']})`,
    why: 'The first picture was put together and decoded: now there is something to see.',
  },
  iceRestart: {
    text: () => 'Looking for another path',
    why: 'ICE restart: new credentials and new candidates on both sides, while media keeps the old path as long as it works.',
  },
  attemptFailed: {
    text: () => 'This attempt did not connect',
    why: 'It took too long or failed. Another one begins from scratch.',
  },
  gaveUp: { text: () => 'Gave up', why: 'Several attempts failed. Rejoining, another network or a relay may help.' },
  negotiationFailed: {
    text: () => 'Offer or answer failed',
    why: 'The browsers could not agree on a description. The reason is in the report.',
  },
} satisfies Record<string, StepText>;

const ko: Record<keyof typeof en, StepText> = {
  attemptBegan: { text: () => '연결을 시작함', why: '나중에 들어온 쪽이 시작하므로 이쪽에서 제안을 준비합니다.' },
  attemptAccepted: {
    text: () => '상대방이 연결을 시작함',
    why: '상대방이 나중에 들어왔으므로 첫 제안은 상대방에게서 옵니다.',
  },
  offerSent: {
    text: () => '제안을 보냄',
    why: '제안(SDP)에는 이 브라우저가 보내고 받을 수 있는 것, 키의 지문, ICE 자격 증명이 들어 있습니다. 서버는 전달만 합니다.',
  },
  offerReceived: { text: () => '제안을 받음', why: '상대 브라우저가 보내고 받을 수 있는 것과 키의 지문입니다.' },
  offerIgnored: {
    text: () => '상대방의 제안을 받지 않음',
    why: '양쪽이 동시에 제안하면 한쪽이 물러서며, 이번에는 상대방입니다.',
  },
  offerGivenUp: {
    text: () => '이쪽 제안을 거두고 상대 제안을 받음',
    why: '양쪽이 동시에 제안하면 한쪽이 물러서며, 이번에는 이쪽입니다.',
  },
  answerSent: {
    text: () => '응답을 보냄',
    why: '응답은 제안에서 양쪽이 할 수 있는 것을 고릅니다. 이제 서로 어떻게 이야기할지 압니다.',
  },
  answerReceived: {
    text: () => '응답을 받음',
    why: '응답은 제안에서 양쪽이 할 수 있는 것을 고릅니다. 이제 서로 어떻게 이야기할지 압니다.',
  },
  gatheringBegan: {
    text: () => '주소를 찾는 중',
    why: '기기 주소, 공인 주소(STUN), 중계 주소(TURN) 등 이쪽에 닿을 수 있는 모든 주소를 모읍니다.',
  },
  gatheringComplete: { text: () => '주소를 모두 찾음', why: '모든 STUN, TURN 서버가 응답했거나 더 기다리지 않습니다.' },
  candidateError: {
    text: (data) => `${data['url']}에서 주소를 얻지 못함 (${data['errorCode']})`,
    why: 'STUN이나 TURN 서버가 응답하지 않거나 거절했습니다. 대개 방화벽 때문이며, 701은 서버에 닿지 못했다는 뜻입니다. 다른 주소로 충분할 수 있습니다.',
  },
  localCandidate: {
    text: (data) => `이쪽 후보: ${data['type']}, ${data['protocol']} ${address(data)}`,
    why: '후보는 시도해 볼 주소입니다. host는 네트워크 카드의 주소, srflx는 STUN 서버가 본 공인 주소, relay는 TURN 서버가 빌려준 주소입니다.',
  },
  remoteCandidate: {
    text: (data) => `상대 후보: ${data['type']}, ${data['protocol']} ${address(data)}`,
    why: '상대방에게 닿을 수 있는 주소입니다. 찾는 즉시 서버를 통해 전달됩니다.',
  },
  remoteEndOfCandidates: {
    text: () => '상대방의 후보가 더 없음',
    why: '이제 알려진 쌍 가운데 하나로 연결해야 합니다.',
  },
  iceNew: { text: () => 'ICE를 새로 시작함', why: '아직 아무것도 확인하지 않았습니다.' },
  iceChecking: {
    text: () => '후보 쌍을 확인하는 중',
    why: '이쪽 후보마다 상대 후보로 작은 요청을 보냅니다. 응답이 돌아오면 그 쌍은 통하는 것입니다.',
  },
  iceConnected: {
    text: () => '통하는 경로를 찾음',
    why: '적어도 한 쌍이 응답해 패킷이 오갈 수 있습니다. 더 나은 쌍을 계속 찾을 수 있습니다.',
  },
  iceCompleted: { text: () => '확인을 마침', why: '모든 쌍을 확인했고 가장 좋은 것을 씁니다.' },
  iceDisconnected: { text: () => '경로가 조용해짐', why: '쓰던 경로에서 응답이 없습니다. 저절로 회복될 수 있습니다.' },
  iceFailed: {
    text: () => '통하는 경로가 없음',
    why: '모든 쌍이 실패했습니다. 대개 방화벽 때문이며, TCP 443 포트의 TURN 서버가 있으면 대부분 해결됩니다.',
  },
  iceClosed: { text: () => 'ICE를 닫음', why: '이 연결은 끝났습니다.' },
  pairSucceeded: {
    text: (data) => `연결 가능: ${data['path']}`,
    why: '요청을 보내고 응답을 받았으므로 이 주소 쌍으로 미디어를 보낼 수 있습니다.',
  },
  pairFailed: {
    text: (data) => `연결 불가: ${data['path']}`,
    why: '응답이 없습니다. 서로 다른 네트워크의 사설 주소끼리는 흔한 일이며, 다른 쌍이 통하면 괜찮습니다.',
  },
  pairSelected: {
    text: (data) => `사용 중: ${data['path']}`,
    why: '통하는 쌍 가운데 우선순위가 가장 높은 것을 씁니다. 중계보다 직접 경로가 먼저입니다.',
  },
  dtlsConnecting: {
    text: () => '키를 교환하는 중',
    why: 'DTLS로 양쪽이 제안과 응답의 지문으로 서로를 확인하고 키를 정합니다.',
  },
  dtlsConnected: {
    text: () => '키 교환을 마침',
    why: '이제 모든 미디어와 데이터가 두 브라우저 사이에서 암호화됩니다.',
  },
  dtlsAgreed: {
    text: (data) => `DTLS ${data['version']}, ${data['cipher']}`,
    why: '이 암호는 데이터를, 함께 정한 SRTP 프로필은 소리와 영상을 보호합니다.',
  },
  dtlsFailed: {
    text: () => '키 교환에 실패함',
    why: '지문이 맞지 않거나 교환이 끊겼습니다. 미디어를 보낼 수 없습니다.',
  },
  dtlsClosed: { text: () => '암호화된 연결이 끝남', why: '상대방이 연결을 닫았습니다.' },
  channelOpen: {
    text: () => '데이터 채널이 열림',
    why: '이제 채팅과 파일이 같은 키로 암호화되어 두 브라우저 사이를 직접 오갑니다.',
  },
  frameDropped: {
    text: () => '메시지를 버림',
    why: '이 버전이 이해하지 못하거나 너무 큰 것이 데이터 채널로 왔습니다.',
  },
  firstPacketSent: { text: (data) => `첫 패킷을 보냄 (${data['source']})`, why: '미디어가 이 브라우저에서 나갑니다.' },
  firstPacketReceived: {
    text: (data) => `첫 패킷을 받음 (${data['source']})`,
    why: '미디어가 도착합니다. 한 프레임이 다 모이면 화면이 보입니다.',
  },
  firstFrameSent: { text: (data) => `첫 프레임을 보냄 (${data['source']})`, why: '첫 화면을 인코딩했습니다.' },
  firstFrameReceived: {
    text: (data) => `첫 프레임을 받음 (${data['source']})`,
    why: '첫 화면을 모아 디코딩했습니다. 이제 화면이 보입니다.',
  },
  iceRestart: {
    text: () => '다른 경로를 찾는 중',
    why: 'ICE 재시작: 양쪽이 새 자격 증명과 후보를 만듭니다. 그동안에도 기존 경로가 통하면 그대로 씁니다.',
  },
  attemptFailed: {
    text: () => '이번 시도는 연결되지 않음',
    why: '너무 오래 걸렸거나 실패했습니다. 처음부터 다시 시도합니다.',
  },
  gaveUp: {
    text: () => '연결을 포기함',
    why: '여러 번 실패했습니다. 다시 참가하거나 다른 네트워크나 중계 서버를 쓰면 도움이 될 수 있습니다.',
  },
  negotiationFailed: {
    text: () => '제안이나 응답을 처리하지 못함',
    why: '두 브라우저가 합의하지 못했습니다. 이유는 보고서에 있습니다.',
  },
};

/** How a step reads in the language in use; `undefined` for a code that is not known here. */
export function stepText(code: string): StepText | undefined {
  const texts: Record<string, StepText> = language.value === 'ko' ? ko : en;
  return texts[code];
}
