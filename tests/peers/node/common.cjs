// What the programs share: how they connect, and how they tell the test what happened.

const { SignalWire } = require("@signalwire/realtime-api");

function tell(...words) {
  process.stdout.write(JSON.stringify(words) + "\n");
}

function connect() {
  return SignalWire({
    host: process.env.SIGNALWIRE_SPACE,
    project: process.env.SIGNALWIRE_PROJECT_ID,
    token: process.env.SIGNALWIRE_API_TOKEN,
    logLevel: "silent",
  });
}

function main(program) {
  program().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { connect, main, tell };
