// A dialing program: somebody busy, then somebody who answers, with a tap to a server of its own; then a machine.

const { WebSocketServer } = require("ws");
const { connect, main, tell } = require("./common.cjs");

const [BUSY, ANN, BOB, MACHINE] = process.env.NUMBERS.split(" ");
const FROM = "+12025550199";

async function tapServer() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await new Promise((done) => server.once("listening", done));
  const chunks = [];
  const texts = [];
  const ended = new Promise((done) =>
    server.once("connection", (socket) => {
      socket.on("message", (data, isBinary) => (isBinary ? chunks.push(data) : texts.push(data.toString())));
      socket.on("close", done);
    }),
  );
  return { server, chunks, texts, ended, uri: `ws://127.0.0.1:${server.address().port}/tap` };
}

async function oneCall(client) {
  const { server, chunks, texts, ended, uri } = await tapServer();
  const call = await client.voice.dialPhone({ from: FROM, to: ANN, timeout: 20 });
  tell("dialed", call.to, call.state, call.direction);
  const recording = await call
    .recordAudio({ direction: "both", stereo: true, format: "wav", initialTimeout: 0, endSilenceTimeout: 0 })
    .onStarted();
  const tap = await call.tap({ audio: { direction: "listen" }, device: { type: "ws", uri, codec: "PCMU" } }).onStarted();
  const played = await call.playAudio({ url: process.env.AUDIO_URL });
  tell("played", played.state);
  await recording.stop();
  await recording.ended();
  tell("recorded", recording.state, recording.url, recording.duration);
  await tap.stop();
  await tap.ended();
  await ended;
  server.close();
  tell("tapped", texts, Buffer.concat(chunks).toString("base64"));
  const collect = await call.collect({ digits: { max: 5, terminators: "#" }, listen: { onEnded: () => tell("collect ended") } });
  const collected = await collect.ended();
  tell("digits", collected.digits, collected.terminator);
  await call.sendDigits("123");
  const peer = await call.connectPhone({ from: FROM, to: BOB, timeout: 20 });
  tell("connected", peer.to, call.connectState);
  await call.disconnected();
  tell("disconnected", call.connectState);
  await call.hangup();
  tell("ended", call.state);
}

main(async () => {
  const client = await connect();
  await client.voice.dialPhone({ from: FROM, to: BUSY, timeout: 20 }).catch(() => tell("failed", BUSY));
  await oneCall(client);
  const call = await client.voice.dialPhone({ from: FROM, to: MACHINE, timeout: 20 });
  const detect = await call.detectAnsweringMachine({ timeout: 20 });
  const detected = await detect.ended();
  tell("detected", detected.type, detected.result);
  await call.hangup();
  client.disconnect();
  tell("over");
});
