import { browserFamily } from '../../lib/browser.js';
import type { DeviceFault, LocalMedia } from '../../state/localMedia.js';
import { Icon } from '../../ui/icon.js';
import { messages } from './messages.js';

/** What is wrong with the devices, and what to do about it in this browser. */
export function FaultNotice({ media }: { media: LocalMedia }) {
  const microphone = media.microphone.value.fault;
  const camera = media.camera.value.fault;
  if (!microphone && !camera) return null;
  const listening = microphone !== undefined && camera !== undefined;
  return (
    <div class="fault" role="alert">
      <Icon name="alert" />
      <div class="fault-text">
        {listening && microphone === camera ? (
          <Fault what={messages.value.fault.both[microphone]} fault={microphone} />
        ) : (
          <>
            {microphone && <Fault what={messages.value.fault.microphone[microphone]} fault={microphone} />}
            {camera && <Fault what={messages.value.fault.camera[camera]} fault={camera} />}
          </>
        )}
        {listening && <p>{messages.value.fault.listen}</p>}
        <button type="button" class="button button-small" onClick={() => void retry(media)}>
          {messages.value.fault.retry}
        </button>
      </div>
    </div>
  );
}

function Fault({ what, fault }: { what: string; fault: DeviceFault }) {
  const texts = messages.value.fault;
  return (
    <>
      <strong>{what}</strong>
      {fault === 'permissionDenied' ? (
        <>
          <p>{texts.unblock(browserFamily())}</p>
          <p class="muted">{texts.system}</p>
        </>
      ) : (
        <p>{texts.todo[fault]}</p>
      )}
    </>
  );
}

async function retry(media: LocalMedia): Promise<void> {
  for (const source of ['microphone', 'camera'] as const) {
    if (media[source].peek().fault) await media.set(source, true);
  }
}
