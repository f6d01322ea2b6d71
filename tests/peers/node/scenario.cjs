// The scenario that the tests compare: every line of it is in scenario_official.py and scenario_ours.py too.

const { connect, main, tell } = require("./common.cjs");

const [ANN, FROM] = process.env.NUMBERS.split(" ");

main(async () => {
  const client = await connect();
  const call = await client.voice.dialPhone({ from: FROM, to: ANN, timeout: 20 });
  const device = JSON.parse(process.env.TAP_DEVICE);
  const tap = await call.tap({ audio: { direction: "both" }, device: { type: device.type, ...device.params } }).onStarted();
  await call.playAudio({ url: process.env.AUDIO_URL });
  await tap.stop();
  await tap.ended();
  const recording = await call.recordAudio({ format: "wav", direction: "both", initialTimeout: 0, endSilenceTimeout: 0 }).onStarted();
  await call.playSilence({ duration: 0.5 });
  await recording.stop();
  await recording.ended();
  const prompt = await call.promptTTS({ text: "Which number?", digits: { max: 5, terminators: "#" } });
  tell("digits", prompt.digits);
  await call.sendDigits("12#");
  await call.hangup();
  client.disconnect();
  tell("over");
});
