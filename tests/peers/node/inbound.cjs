// A monitored answering service: answer, tap with listeners, play, ask, record until a key, hang up.

const { connect, main, tell } = require("./common.cjs");

main(async () => {
  const client = await connect();
  const stop = await client.voice.listen({
    topics: ["default"],
    onCallReceived: async (call) => {
      await call.answer();
      tell("answered", call.from, call.to, call.state);
      const tap = await call
        .tapAudio({
          direction: "both",
          device: JSON.parse(process.env.TAP_DEVICE),
          listen: {
            onStarted: (tap) => tell("tap started", tap.state),
            onEnded: (tap) => tell("tap ended", tap.state, tap.hasEnded),
          },
        })
        .onStarted();
      const tts = await call.playTTS({ text: "This call is monitored." });
      tell("played", tts.state);
      const file = await call.playAudio({ url: process.env.AUDIO_URL });
      tell("played", file.state);
      const prompt = await call.promptTTS({ text: "Press one.", digits: { max: 1, digitTimeout: 5 } });
      tell("digits", prompt.digits);
      await tap.stop();
      await tap.ended();
      const recording = call.recordAudio({
        format: "wav", terminators: "#", initialTimeout: 0, endSilenceTimeout: 0,
        listen: { onStarted: (recording) => tell("recording", recording.state) },
      });
      const recorded = await recording.onEnded();
      tell("recorded", recorded.state, recorded.url, recorded.duration);
      await call.hangup();
      tell("ended", call.state);
    },
  });
  process.on("SIGINT", async () => {
    await stop();
    client.disconnect();
    process.exit(0);
  });
});
