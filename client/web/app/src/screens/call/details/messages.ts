import { defineMessages } from '../../../i18n/messages.js';
import { plural } from '../../../i18n/plural.js';

/** Texts of the connection details, without the steps. */
export const messages = defineMessages(
  {
    nobody:
      'There is nobody to be connected to yet. As soon as somebody joins, this shows how the connection comes about.',
    download: 'Download report',
    downloadHint:
      'The report holds network addresses, yours and those of the others. Share it only with people you trust.',
    server: (transport: string) => `Server: ${transport}`,
    transport: { websocket: 'WebSocket', events: 'HTTP events (WebSocket was not available)', none: 'not connected' },
    state: {
      new: 'Waiting',
      connecting: 'Connecting',
      connected: 'Connected',
      interrupted: 'Interrupted',
      failed: 'Failed',
      closed: 'Closed',
    },
    quality: { excellent: 'excellent', good: 'good', poor: 'poor', lost: 'lost', unknown: 'measuring' },
    path: {
      host: {
        title: 'Direct on the same network',
        text: 'Both devices reach each other without leaving the local network, or by public addresses of their own.',
      },
      srflx: {
        title: 'Direct through NAT',
        text: 'A STUN server told each side its public address, and the routers in between let the packets through.',
      },
      prflx: {
        title: 'Direct through NAT',
        text: 'One side’s router chose a new public port that only the connectivity checks themselves brought to light.',
      },
      relay: {
        title: 'Relayed',
        text: 'A TURN server passes the packets on. They stay encrypted: the relay cannot see or hear anything.',
      },
      none: { title: 'No path yet', text: 'The two sides are still looking for a way to reach each other.' },
    },
    relayReason: {
      relayOnly: (name: string | undefined) =>
        `Why: ${name ?? 'this device'} offers no other address, because the address is hidden or the network allows nothing else.`,
      udpBlocked: (_name: string | undefined) =>
        'Why: this network lets no UDP out, which direct calls need. The relay is reached like a web page instead.',
      noPublicAddress: (name: string | undefined) =>
        `Why: ${name ?? 'this device'} found no public address; its network answers no STUN, so nobody outside can call it directly.`,
      directFailed: (_name: string | undefined) =>
        'Why: both sides have public addresses, but no packet came through. A NAT that takes a new port for every destination (symmetric), or a firewall, is in between.',
    },
    relayTried: (count: number) =>
      plural(count, { one: '1 direct pair was tried.', other: `${count} direct pairs were tried.` }),
    node: {
      you: 'You',
      router: 'Router (NAT)',
      relay: (protocol: string) => `Relay, ${protocol}`,
      hidden: 'hidden by the browser',
    },
    metric: { rtt: 'Round trip', loss: 'Packet loss', receive: 'Receiving', send: 'Sending' },
    fact: {
      pair: 'Selected pair',
      path: 'Type',
      encryption: 'Encryption',
      media: 'Media cipher',
      role: 'DTLS role here',
      estimate: 'Estimated capacity out',
      attempts: 'Attempts',
    },
    dtlsRole: { client: 'client', server: 'server' } as Record<string, string>,
    media: 'Media',
    mediaColumn: { what: 'What', codec: 'Codec', bitrate: 'Bit rate' },
    source: {
      microphone: 'Microphone',
      camera: 'Camera',
      screenShare: 'Screen',
      screenShareAudio: 'Screen sound',
      other: 'Other',
      audio: 'Sound',
      video: 'Picture',
    } as Record<string, string>,
    direction: { send: 'to them', receive: 'from them' },
    lost: (count: string) => `${count} lost`,
    jitter: (value: string) => `jitter ${value} ms`,
    freezes: (count: number) => plural(count, { one: '1 freeze', other: `${count} freezes` }),
    limited: (by: string) => `limited by ${by}`,
    limitation: { cpu: 'processor', bandwidth: 'network', other: 'something else' } as Record<string, string>,
    phases: 'How long it took',
    phase: {
      signalling: 'Signalling',
      gathering: 'Gathering',
      ice: 'Checks (ICE)',
      dtls: 'Keys (DTLS)',
      media: 'First media',
    },
    took: (ms: string) => `${ms} ms`,
    running: 'under way',
    timeline: 'What happened',
    dropped: (count: number) =>
      plural(count, { one: '1 older step is not shown', other: `${count} older steps are not shown` }),
    pairs: (count: number) => plural(count, { one: '1 candidate pair', other: `${count} candidate pairs` }),
    pairColumn: { local: 'Here', remote: 'There', state: 'State', checks: 'Checks' },
    pairState: {
      frozen: 'waits its turn',
      waiting: 'waits its turn',
      'in-progress': 'being checked',
      succeeded: 'works',
      failed: 'does not work',
      cancelled: 'given up',
    } as Record<string, string>,
    selected: 'in use',
    failure: { noResponse: 'no response', checksFailed: 'all checks failed' } as Record<string, string>,
    candidate: {
      host: 'own address',
      srflx: 'public address (STUN)',
      prflx: 'found by checks',
      relay: 'relay (TURN)',
    } as Record<string, string>,
  },
  {
    nobody: '아직 연결할 사람이 없습니다. 누군가 들어오면 연결이 만들어지는 과정을 여기서 볼 수 있습니다.',
    download: '보고서 내려받기',
    downloadHint: '보고서에는 나와 다른 사람의 네트워크 주소가 들어 있습니다. 믿는 사람에게만 보내세요.',
    server: (transport) => `서버: ${transport}`,
    transport: { websocket: 'WebSocket', events: 'HTTP 이벤트 (WebSocket을 쓸 수 없었음)', none: '연결되지 않음' },
    state: {
      new: '대기',
      connecting: '연결하는 중',
      connected: '연결됨',
      interrupted: '끊김',
      failed: '실패',
      closed: '닫힘',
    },
    quality: { excellent: '아주 좋음', good: '좋음', poor: '나쁨', lost: '끊김', unknown: '측정 중' },
    path: {
      host: {
        title: '같은 네트워크에서 직접',
        text: '두 기기가 로컬 네트워크 안에서, 또는 각자의 공인 주소로 바로 통신합니다.',
      },
      srflx: {
        title: 'NAT를 지나 직접',
        text: 'STUN 서버가 양쪽에 공인 주소를 알려 주었고, 사이의 공유기가 패킷을 통과시킵니다.',
      },
      prflx: {
        title: 'NAT를 지나 직접',
        text: '한쪽 공유기가 새 공인 포트를 골랐고, 연결 확인 과정에서 그 주소가 드러났습니다.',
      },
      relay: {
        title: '중계',
        text: 'TURN 서버가 패킷을 전달합니다. 암호화되어 있어 중계 서버는 보거나 들을 수 없습니다.',
      },
      none: { title: '아직 경로 없음', text: '서로에게 닿는 길을 찾고 있습니다.' },
    },
    relayReason: {
      relayOnly: (name) =>
        `이유: ${name === undefined ? '이 기기' : `${name} 님`}에게 다른 주소가 없습니다. 주소를 숨겼거나 네트워크가 다른 길을 막고 있습니다.`,
      udpBlocked: () =>
        '이유: 이 네트워크는 직접 통화에 필요한 UDP를 막고 있습니다. 그래서 웹 페이지처럼 중계 서버에 연결합니다.',
      noPublicAddress: (name) =>
        `이유: ${name === undefined ? '이 기기' : `${name} 님`}의 공인 주소를 알 수 없습니다. STUN 응답이 없어 밖에서 바로 연결할 수 없습니다.`,
      directFailed: () =>
        '이유: 양쪽에 공인 주소가 있지만 패킷이 통하지 않았습니다. 상대마다 새 포트를 쓰는 NAT(대칭형)나 방화벽이 사이에 있습니다.',
    },
    relayTried: (count) => `직접 가는 후보 쌍 ${count}개를 시도했습니다.`,
    node: {
      you: '나',
      router: '공유기 (NAT)',
      relay: (protocol) => `중계 서버, ${protocol}`,
      hidden: '브라우저가 숨김',
    },
    metric: { rtt: '왕복 시간', loss: '패킷 손실', receive: '받는 속도', send: '보내는 속도' },
    fact: {
      pair: '선택된 쌍',
      path: '종류',
      encryption: '암호화',
      media: '미디어 암호화',
      role: '이쪽의 DTLS 역할',
      estimate: '추정 송신 대역폭',
      attempts: '시도 횟수',
    },
    dtlsRole: { client: '클라이언트', server: '서버' },
    media: '미디어',
    mediaColumn: { what: '대상', codec: '코덱', bitrate: '전송률' },
    source: {
      microphone: '마이크',
      camera: '카메라',
      screenShare: '화면',
      screenShareAudio: '화면 소리',
      other: '기타',
      audio: '소리',
      video: '영상',
    },
    direction: { send: '상대방에게', receive: '상대방에게서' },
    lost: (count) => `손실 ${count}`,
    jitter: (value) => `지터 ${value} ms`,
    freezes: (count) => `멈춤 ${count}회`,
    limited: (by) => `제한: ${by}`,
    limitation: { cpu: '프로세서', bandwidth: '네트워크', other: '기타' },
    phases: '걸린 시간',
    phase: {
      signalling: '시그널링',
      gathering: '후보 수집',
      ice: '연결 확인 (ICE)',
      dtls: '키 교환 (DTLS)',
      media: '첫 미디어',
    },
    took: (ms) => `${ms} ms`,
    running: '진행 중',
    timeline: '일어난 일',
    dropped: (count) => `이전 단계 ${count}개는 표시하지 않습니다`,
    pairs: (count) => `후보 쌍 ${count}개`,
    pairColumn: { local: '이쪽', remote: '상대', state: '상태', checks: '확인' },
    pairState: {
      frozen: '대기 중',
      waiting: '대기 중',
      'in-progress': '확인하는 중',
      succeeded: '연결 가능',
      failed: '연결 불가',
      cancelled: '중단함',
    },
    selected: '사용 중',
    failure: { noResponse: '응답 없음', checksFailed: '모든 확인 실패' },
    candidate: { host: '기기 주소', srflx: '공인 주소 (STUN)', prflx: '확인 중 발견', relay: '중계 (TURN)' },
  },
);
