import { defineMessages } from '../../i18n/messages.js';
import { Icon } from '../../ui/icon.js';
import { TopBar } from '../../ui/topBar.js';
import type { UnsupportedReason } from './reasons.js';

const messages = defineMessages(
  {
    title: 'Calls are not possible here',
    insecureContext: {
      what: 'This page did not come over a secure connection, so the browser keeps camera and microphone closed to it.',
      todo: 'Open it with an address that begins with https://.',
    },
    noWebRtc: {
      what: 'This browser has no WebRTC, which is what calls are made with, or it is turned off.',
      todo: 'Open the link in a current version of Chrome, Edge, Firefox or Safari. If it is one of these, see whether a setting or an extension blocks WebRTC.',
    },
    noGetUserMedia: {
      what: 'This browser gives web pages no access to camera and microphone.',
      todo: 'Inside another app, choose “Open in browser”. Otherwise use a current version of Chrome, Edge, Firefox or Safari.',
    },
    secureLink: 'Open the secure address',
  },
  {
    title: '여기서는 통화할 수 없습니다',
    insecureContext: {
      what: '이 페이지는 보안 연결로 열리지 않아 브라우저가 카메라와 마이크 사용을 막고 있습니다.',
      todo: 'https://로 시작하는 주소로 열어 주세요.',
    },
    noWebRtc: {
      what: '이 브라우저에는 통화에 필요한 WebRTC 기능이 없거나 꺼져 있습니다.',
      todo: '최신 버전의 크롬, 엣지, 파이어폭스, 사파리에서 링크를 열어 주세요. 이미 사용 중이라면 설정이나 확장 프로그램이 WebRTC를 막고 있는지 확인해 주세요.',
    },
    noGetUserMedia: {
      what: '이 브라우저에서는 웹 페이지가 카메라와 마이크를 사용할 수 없습니다.',
      todo: '다른 앱 안에서 열었다면 ‘브라우저에서 열기’를 선택하세요. 그렇지 않다면 최신 버전의 크롬, 엣지, 파이어폭스, 사파리를 사용해 주세요.',
    },
    secureLink: '보안 주소로 열기',
  },
);

/** Shown instead of everything else where calls cannot be made. */
export function UnsupportedScreen({ reasons }: { reasons: readonly UnsupportedReason[] }) {
  const texts = messages.value;
  return (
    <div class="page">
      <TopBar />
      <main class="notice-page">
        <span class="notice-badge notice-badge-warn">
          <Icon name="alert" size={28} />
        </span>
        <h1>{texts.title}</h1>
        {reasons.map((reason) => (
          <div key={reason} class="notice-text">
            <p>{texts[reason].what}</p>
            <p>{texts[reason].todo}</p>
          </div>
        ))}
        {reasons.includes('insecureContext') && (
          <a class="button button-primary" href={location.href.replace(/^http:/, 'https:')}>
            {texts.secureLink}
          </a>
        )}
      </main>
    </div>
  );
}
