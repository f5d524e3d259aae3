const Kit = require('./kit.cjs');

const [name, ...settings] = process.argv.slice(2);

require(`./${name}.cjs`)(new Kit(...settings)).then(
  () => {
    console.log('done');
    process.exit(0);
  },
  (error) => {
    const { config, response } = error;
    if (response) console.error(config.method, config.url, JSON.stringify(config.params), response.status, JSON.stringify(response.data));
    console.error(error.stack);
    process.exit(1);
  },
);
