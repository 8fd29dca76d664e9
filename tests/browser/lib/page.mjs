// What is put into every page before it loads: counters, a camera made of a canvas where the browser has no better one, and the
// instruments that read picture and sound back. Serialised and run in the page; it must not refer to anything outside of itself.

/** `options`: {source, canvasCamera, h264Only, noCamera, sweep}. Everything is found at `window.visavisProbe`. */
export function probe(options) {
  const probe = { cameraRequests: 0, cameraErrors: [], peerConnections: [], remoteTracks: new Set(), clicks: {}, firstFrameAt: 0, lastFrameAt: 0, connectedAt: 0, gaps: [], sockets: [], states: [], refusals: [], failures: [], document: `${Math.random()}` };
  Object.defineProperty(window, 'visavisProbe', { value: probe });
  const now = () => performance.timeOrigin + performance.now();
  window.addEventListener('error', (event) => probe.failures.push(String(event.message)));
  window.addEventListener('unhandledrejection', (event) => probe.failures.push(`unhandled: ${event.reason}`));
  document.addEventListener('securitypolicyviolation', (event) => probe.failures.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  document.addEventListener('click', (event) => {
    const button = event.target instanceof Element && event.target.closest('button');
    if (button) probe.clicks[(button.getAttribute('aria-label') ?? button.textContent).trim()] = now();
  }, { capture: true });

  // --- peer connections
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      probe.peerConnections.push(this);
      this.addEventListener('connectionstatechange', () => { if (this.connectionState === 'connected') probe.connectedAt ||= now(); });
      this.addEventListener('track', (event) => {
        probe.remoteTracks.add(event.track.id);
        probe.remoteTracks.add(event.track);
      });
    }
    addTransceiver(...args) {
      const transceiver = super.addTransceiver(...args);
      if (options.h264Only && transceiver.receiver.track.kind === 'video') {
        const codecs = RTCRtpReceiver.getCapabilities('video').codecs;
        const h264 = codecs.filter((codec) => /h264/i.test(codec.mimeType) && /packetization-mode=1/.test(codec.sdpFmtpLine ?? ''));
        transceiver.setCodecPreferences([...h264, ...codecs.filter((codec) => /rtx/i.test(codec.mimeType))]);
      }
      return transceiver;
    }
  };
  probe.live = () => probe.peerConnections.filter((pc) => pc.connectionState !== 'closed');

  // --- camera
  const drawBarCode = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 480;
    canvas.height = 272;
    const context = canvas.getContext('2d', { alpha: false });
    const track = canvas.captureStream().getVideoTracks()[0]; // each change is a frame: a rate here would beat against that of the screen
    let number = 0;
    setInterval(() => {
      number = (number + 1) & 255;
      [options.source, number, ~number & 255].forEach((code, row) => {
        for (let bit = 0; bit < 8; bit += 1) {
          context.fillStyle = (code >> (7 - bit)) & 1 ? '#e1e1e1' : '#1e1e1e';
          context.fillRect(bit * 60, row * 68, 60, 68);
        }
      });
      context.fillStyle = '#808080';
      context.fillRect(0, 204, 480, 68);
      context.fillStyle = '#c0a060';
      context.fillRect((number * 5) % 480, 214, 60, 48);
    }, 1000 / 30);
    return track;
  };
  // A tone that climbs from frequency to frequency, over and over, always as loud.
  const playSweep = ({ hertz, stepMs }) => {
    const audio = new AudioContext();
    const oscillator = new OscillatorNode(audio);
    const out = audio.createMediaStreamDestination();
    oscillator.connect(new GainNode(audio, { gain: 0.3 })).connect(out);
    oscillator.start();
    let step = 0;
    setInterval(() => oscillator.frequency.setValueAtTime(hertz[step++ % hertz.length], audio.currentTime), stepMs);
    return out.stream.getAudioTracks()[0];
  };
  const devices = navigator.mediaDevices;
  if (devices) {
    const nativeGetUserMedia = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (constraints) => {
      probe.cameraRequests += 1;
      try {
        if (options.noCamera && constraints.video) throw new DOMException('no camera', 'NotFoundError');
        // A tone is noise to a browser that listens for speech, and is taken away: the sound goes as it is.
        const raw = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
        const audio = constraints.audio && { ...(typeof constraints.audio === 'object' ? constraints.audio : {}), ...raw };
        const stream = await nativeGetUserMedia({ ...constraints, ...(audio ? { audio } : {}) });
        if (options.sweep && constraints.audio) {
          for (const track of stream.getAudioTracks()) {
            stream.removeTrack(track);
            track.stop();
          }
          stream.addTrack(playSweep(options.sweep));
        }
        if (options.canvasCamera && constraints.video) {
          for (const track of stream.getVideoTracks()) {
            stream.removeTrack(track);
            track.stop();
          }
          stream.addTrack(drawBarCode());
        }
        return stream;
      } catch (error) {
        probe.cameraErrors.push(error.name);
        throw error;
      }
    };
    if (options.noCamera) {
      const nativeEnumerate = devices.enumerateDevices.bind(devices);
      devices.enumerateDevices = async () => (await nativeEnumerate()).filter((device) => device.kind !== 'videoinput');
    }
  }

  // --- reading a picture
  const canvas = document.createElement('canvas');
  canvas.width = 160;
  canvas.height = 90;
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  probe.readBarCode = (picture) => {
    context.drawImage(picture, 0, 0, 160, 90);
    const pixels = context.getImageData(0, 0, 160, 68).data;
    const codes = [0, 1, 2].map((row) => {
      let code = 0;
      for (let bit = 0; bit < 8; bit += 1) {
        const x = bit * 20 + 10;
        const y = Math.round(row * 22.5 + 11);
        code = (code << 1) | (pixels[(y * 160 + x) * 4 + 1] > 127 ? 1 : 0);
      }
      return code;
    });
    return codes[1] === (~codes[2] & 255) ? { source: codes[0], number: codes[1] } : null;
  };
  probe.isRemote = (video) => video.srcObject instanceof MediaStream && video.srcObject.getTracks().some((track) => probe.remoteTracks.has(track) || probe.remoteTracks.has(track.id));

  // --- a watch on one video element: how many frames, which source, which tone
  const watches = new Map();
  probe.watch = (video) => {
    const watch = { frames: 0, read: 0, unreadable: 0, sources: {}, numbers: new Set(), began: now(), first: 0, last: 0, longestGapMs: 0, tones: {}, stopped: false };
    watches.get(video)?.stop();
    watches.set(video, watch);
    const onFrame = () => {
      if (watch.stopped) return;
      const at = now();
      watch.first ||= at;
      if (watch.last) watch.longestGapMs = Math.max(watch.longestGapMs, at - watch.last);
      watch.last = at;
      watch.frames += 1;
      if (watch.frames % 5 === 0) {
        const code = probe.readBarCode(video);
        if (code) {
          watch.read += 1;
          watch.sources[code.source] = (watch.sources[code.source] ?? 0) + 1;
          watch.numbers.add(code.number);
        } else watch.unreadable += 1;
      }
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    const audio = listen(video.srcObject, watch.tones);
    watch.stop = () => {
      watch.stopped = true;
      audio?.();
    };
  };
  probe.report = async (video) => {
    const watch = watches.get(video);
    const seconds = (now() - watch.began) / 1000;
    const { frames, read, unreadable, sources, longestGapMs, tones, first, last } = watch;
    const tone = Object.entries(tones).sort((a, b) => b[1] - a[1])[0];
    return { seconds, frames, fps: last > first ? (frames - 1) / ((last - first) / 1000) : 0, read, unreadable, sources, differentNumbers: watch.numbers.size, longestGapMs,
      silentForMs: now() - (last || watch.began), tone: tone ? Number(tone[0]) : null, toneCount: tone ? tone[1] : 0, audioEnergy: await probe.audioEnergy() };
  };
  // A spectrum of the sound: the strongest frequency, counted in steps of 50 Hz whenever it is well above silence.
  function listen(stream, tones) {
    if (!(stream instanceof MediaStream) || stream.getAudioTracks().length === 0 || navigator.userAgent.includes('Firefox')) return null;
    const audio = new AudioContext();
    const analyser = new AnalyserNode(audio, { fftSize: 4096, smoothingTimeConstant: 0 });
    // A source stays with the track that it was made of; a new transport brings another one.
    let heard;
    let source;
    const follow = () => {
      const [track] = stream.getAudioTracks();
      if (!track || track === heard) return;
      source?.disconnect();
      heard = track;
      source = audio.createMediaStreamSource(new MediaStream([track]));
      source.connect(analyser);
    };
    follow();
    const bins = new Float32Array(analyser.frequencyBinCount);
    const timer = setInterval(() => {
      follow();
      analyser.getFloatFrequencyData(bins);
      let best = 1;
      for (let bin = 2; bin < bins.length; bin += 1) if (bins[bin] > bins[best]) best = bin;
      if (bins[best] < -60) return;
      const hertz = Math.round(((best * audio.sampleRate) / analyser.fftSize) / 50) * 50;
      tones[hertz] = (tones[hertz] ?? 0) + 1;
    }, 100);
    return () => {
      clearInterval(timer);
      audio.close();
    };
  }

  /** How loud each of these frequencies came at its loudest, in dB. */
  probe.spectrum = async (video, hertz, seconds) => {
    const audio = new AudioContext();
    const analyser = new AnalyserNode(audio, { fftSize: 4096, smoothingTimeConstant: 0 });
    audio.createMediaStreamSource(new MediaStream(video.srcObject.getAudioTracks())).connect(analyser);
    const bins = new Float32Array(analyser.frequencyBinCount);
    const loudest = hertz.map(() => -Infinity);
    const end = now() + seconds * 1000;
    while (now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      analyser.getFloatFrequencyData(bins);
      hertz.forEach((frequency, at) => {
        const bin = Math.round((frequency * analyser.fftSize) / audio.sampleRate);
        loudest[at] = Math.max(loudest[at], ...bins.subarray(bin - 1, bin + 2));
      });
    }
    await audio.close();
    return loudest;
  };

  // --- statistics
  probe.stats = async () => {
    const all = [];
    for (const pc of probe.live()) for (const entry of (await pc.getStats()).values()) all.push(entry);
    return all;
  };
  probe.audioEnergy = async () => (await probe.stats()).filter((s) => s.type === 'inbound-rtp' && s.kind === 'audio').reduce((sum, s) => sum + (s.totalAudioEnergy ?? 0), 0);
  probe.inbound = async () => (await probe.stats()).filter((s) => s.type === 'inbound-rtp').map((s) => ({ kind: s.kind, mid: s.mid, bytes: s.bytesReceived, packets: s.packetsReceived, lost: s.packetsLost,
    framesDecoded: s.framesDecoded, keyFramesDecoded: s.keyFramesDecoded, freezeCount: s.freezeCount, totalFreezesDuration: s.totalFreezesDuration, width: s.frameWidth, height: s.frameHeight,
    concealed: s.concealedSamples, samples: s.totalSamplesReceived, nack: s.nackCount, pli: s.pliCount, energy: s.totalAudioEnergy, jitterBufferDelay: s.jitterBufferDelay, emitted: s.jitterBufferEmittedCount }));
  probe.outbound = async () => (await probe.stats()).filter((s) => s.type === 'outbound-rtp').map((s) => ({ kind: s.kind, mid: s.mid, bytes: s.bytesSent, packets: s.packetsSent, framesEncoded: s.framesEncoded,
    width: s.frameWidth, height: s.frameHeight, fps: s.framesPerSecond, limit: s.qualityLimitationReason, target: s.targetBitrate, active: s.active, codec: s.codecId, nack: s.nackCount, pli: s.pliCount, retransmitted: s.retransmittedPacketsSent }));
  probe.remoteAddresses = async () => [...new Set((await probe.stats()).filter((s) => s.type === 'remote-candidate').map((s) => s.address ?? s.ip))];
  // What carries the media: `udp` or `tcp` from this browser, `relay` in front when a relay is in between.
  probe.carrier = async () => {
    const all = await probe.stats();
    const chosen = all.find((s) => s.type === 'transport' && s.selectedCandidatePairId)?.selectedCandidatePairId;
    const pair = all.find((s) => s.type === 'candidate-pair' && (chosen ? s.id === chosen : s.selected));
    const local = all.find((s) => s.id === pair?.localCandidateId);
    return local ? `${local.candidateType === 'relay' ? `relay ${local.relayProtocol ?? ''} `.trimEnd() + ' ' : ''}${local.protocol}` : null;
  };
  probe.descriptions = () => probe.live().map((pc) => ({ local: pc.localDescription?.sdp, remote: pc.remoteDescription?.sdp, ice: pc.iceConnectionState, state: pc.connectionState }));

  // --- every remote frame of the page, whichever element shows it: the first one, and each gap longer than 300 ms
  const followed = new WeakSet();
  const follow = (video) => {
    if (followed.has(video)) return;
    followed.add(video);
    const onFrame = () => {
      if (probe.isRemote(video) && video.videoWidth > 2) {
        const at = now();
        probe.firstFrameAt ||= at;
        if (probe.lastFrameAt && at - probe.lastFrameAt > 300) probe.gaps.push({ from: probe.lastFrameAt, to: at });
        probe.lastFrameAt = at;
      }
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  };
  new MutationObserver(() => document.querySelectorAll('video').forEach(follow)).observe(document, { childList: true, subtree: true });
  probe.now = now;

  // --- what the server says: every `state`, when it came, and the sockets it came over
  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...args) {
      super(...args);
      const entry = { opened: 0, closed: 0, code: 0 };
      probe.sockets.push(entry);
      this.addEventListener('open', () => { entry.opened = now(); });
      this.addEventListener('close', (event) => Object.assign(entry, { closed: now(), code: event.code }));
      this.addEventListener('message', (event) => {
        const message = JSON.parse(event.data);
        if (message.type === 'state') probe.states.push({ at: now(), revision: message.revision, phase: message.phase, you: message.you, appointment: message.appointment, reference: message.reference });
        else if (message.type === 'error') probe.refusals.push(`${message.code}: ${message.message}`);
      });
    }
  };
  probe.phase = () => probe.states.at(-1)?.phase ?? null;
}
