// A partner of libwebrtc in Node.js (@roamhq/wrtc): sends and receives audio, video and messages with whoever is at the other end of
// standard input and output.
//
// wrtc_partner.mjs offer|answer
//
// See ../README.md for what the lines say.

import { createInterface } from 'node:readline';
import wrtc from '@roamhq/wrtc';

const { RTCPeerConnection, nonstandard } = wrtc;
const { RTCAudioSource, RTCAudioSink, RTCVideoSource, RTCVideoSink } = nonstandard;

const WIDTH = 320;
const HEIGHT = 240;
const SAMPLE_RATE = 48_000;

const say = (type, rest = {}) => process.stdout.write(`${JSON.stringify({ type, ...rest })}\n`);

const counts = { video: 0, audio: 0, messages: 0 };
const sinks = [];
const timers = [];
const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });

connection.onicecandidate = ({ candidate }) => {
  if (candidate) {
    const { sdpMid, sdpMLineIndex } = candidate;
    say('candidate', { candidate: candidate.candidate, sdpMid, sdpMLineIndex });
  }
};
connection.onconnectionstatechange = () => say('state', { state: connection.connectionState });
connection.ontrack = ({ track }) => {
  // What a sink is given has been decoded.
  if (track.kind === 'video') {
    const sink = new RTCVideoSink(track);
    sink.onframe = () => (counts.video += 1);
    sinks.push(sink);
  } else {
    const sink = new RTCAudioSink(track);
    sink.ondata = () => (counts.audio += 1);
    sinks.push(sink);
  }
};
connection.ondatachannel = ({ channel }) => {
  channel.onmessage = ({ data }) => {
    counts.messages += 1;
    channel.send(data);
  };
};

function sendMedia() {
  const video = new RTCVideoSource();
  const audio = new RTCAudioSource();
  connection.addTrack(audio.createTrack());
  connection.addTrack(video.createTrack());
  let number = 0;
  timers.push(
    setInterval(() => {
      const data = new Uint8ClampedArray((WIDTH * HEIGHT * 3) / 2);
      data.fill((number * 3) % 256);
      number += 1;
      video.onFrame({ width: WIDTH, height: HEIGHT, data });
    }, 50),
    setInterval(() => {
      const samples = new Int16Array(SAMPLE_RATE / 100);
      for (let at = 0; at < samples.length; at += 1) {
        samples[at] = 8_000 * Math.sin((2 * Math.PI * 400 * at) / SAMPLE_RATE);
      }
      audio.onData({ samples, sampleRate: SAMPLE_RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length });
    }, 10),
  );
}

async function describe(description) {
  await connection.setLocalDescription(description);
  const { type, sdp } = connection.localDescription;
  say(type, { sdp });
}

async function handle(line) {
  if (line.type === 'offer') {
    await connection.setRemoteDescription(line);
    sendMedia();
    await describe(await connection.createAnswer());
  } else if (line.type === 'answer') {
    await connection.setRemoteDescription(line);
  } else if (line.type === 'candidate' && line.candidate) {
    const { candidate, sdpMid = null, sdpMLineIndex = 0 } = line;
    // One that it does not understand is none of the others' business.
    await connection.addIceCandidate({ candidate, sdpMid, sdpMLineIndex }).catch((error) => {
      say('refused', { candidate, error: `${error}` });
    });
  } else if (line.type === 'stop') {
    stop();
  }
}

function stop() {
  for (const timer of timers) {
    clearInterval(timer);
  }
  for (const sink of sinks) {
    sink.stop();
  }
  connection.close();
  process.exit(0);
}

timers.push(setInterval(() => say('counts', counts), 500));
// One after the other: a candidate must not overtake the description it belongs to.
let last = Promise.resolve();
const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  last = last.then(() => handle(JSON.parse(line)));
});
input.on('close', () => last.then(stop));

if (process.argv[2] === 'offer') {
  sendMedia();
  const channel = connection.createDataChannel('partner');
  channel.onopen = () => channel.send('hello');
  channel.onmessage = () => (counts.messages += 1);
  await describe(await connection.createOffer());
}
