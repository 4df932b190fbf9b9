# frozen_string_literal: true

# What makes the generated classes read like Ruby: blocks that close, keywords, seconds, `each`. All calls
# that wait let other threads run, and may be interrupted; under a fiber scheduler they yield.
module Flymq
  # Connects to `addresses`, and with a block runs that and closes the client. Options go by name, such as
  # `client_id: "billing"`; `username` and `password`, `tls_ca` (PEM), and `keyring` are taken too.
  def self.connect(addresses = nil, username: nil, password: nil, tls_ca: nil, keyring: nil, **options)
    raise ArgumentError, "username: and password: go together" if username.nil? != password.nil?

    builder = ClientBuilder.new(addresses)
    builder.credentials(username, password) if username
    builder.tls(tls_ca) if tls_ca
    builder.encryption(keyring) if keyring
    options.each { |name, value| builder.set(name.to_s, value.to_s) }
    client = builder.build
    client.connect
    block_given? ? closing(client) { yield client } : client
  end

  # A record with this value; a record is taken as it is.
  def self.record(value, key: nil, headers: {}, partition: nil, timestamp_ms: nil)
    return value if value.is_a?(Record)

    headers = headers.map { |name, text| Header.new(name: name.to_s, value: text) }
    Record.new(value: value, key: key, headers: headers, partition: partition, timestamp_ms: timestamp_ms)
  end

  # Runs the block, and closes the resource in good order.
  def self.closing(resource)
    done = false
    result = yield resource
    done = true
    result
  ensure
    failed = !done && resource.respond_to?(:abandon)
    failed ? resource.abandon : resource.close
  end

  # Any error of FlyMQ; its classes are those of the hundreds of the table of error codes.
  module Error
    constants.map { |name| const_get(name) }.each do |family|
      family.include(self)
      family.define_method(:to_s) do
        "#{details.operation}: #{details.text} (#{details.name} #{details.number}; #{details.hint})"
      end
    end

    # The code's name, such as :UNKNOWN_TOPIC.
    def code = details.name.to_sym

    # Whether the same call may succeed if made again.
    def retriable? = details.retriable
  end
  # What uniffi calls it where objects are made.
  FlyMqError = Error
  private_constant :FlyMqError

  # Options as keywords, and a block at the end of which what was opened is closed.
  module Opening
    def producer(**options, &block) = opened(super(texts(options)), &block)
    def consumer(**options, &block) = opened(super(texts(options)), &block)

    def transactional_producer(transactional_id, **options, &block)
      opened(super(transactional_id, texts(options)), &block)
    end

    private

    def texts(options) = options.to_h { |name, value| [name.to_s, value.to_s] }

    def opened(resource, &block) = block ? Flymq.closing(resource, &block) : resource
  end

  # Values in place of records.
  module Producing
    def produce(topic, value, **fields) = super(topic, Flymq.record(value, **fields))
  end

  class Client
    prepend Opening
    prepend Producing

    def produce_all(topic, values) = produce_batch(topic, values.map { |value| Flymq.record(value) })

    # Records of one partition from an offset on, waiting for some for at most `wait` seconds.
    def fetch(topic, partition, offset, wait: 0, **options)
      options = FetchOptions.new(max_wait_ms: (wait * 1000).to_i, **options)
      fetch = fetching(topic, partition, offset, options)
      fetch.ready
      fetch.take
    end
  end

  class Producer
    prepend Producing
    prepend(Module.new { def produce_all(topic, values) = super(topic, values.map { |v| Flymq.record(v) }) })
  end

  class Transaction
    prepend Producing
    prepend(Module.new { def produce_all(topic, values) = super(topic, values.map { |v| Flymq.record(v) }) })
  end

  class TransactionalProducer
    # Begins a transaction, runs the block and commits; if the block fails, it is aborted.
    def in_transaction
      transaction = self.transaction
      transaction.begin
      result = yield transaction
      transaction.commit
      result
    rescue Exception # rubocop:disable Lint/RescueException
      begin
        transaction&.abort
      rescue Error
        # It is over already; the first error tells why.
      end
      raise
    end
  end

  class Consumer
    # At most `max` records, as soon as there are any; none if there are none within `timeout` seconds.
    def poll(max: 500, timeout: 1.0)
      deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + timeout
      loop do
        messages = take(max)
        return messages unless messages.empty?

        left = [deadline - Process.clock_gettime(Process::CLOCK_MONOTONIC), 0].max
        return messages if !ready((left * 1000).to_i) && left.zero?
      end
    end

    # The records, without an end. Those that were read and not passed on when the block ends are returned
    # again.
    def each(max: 500)
      return to_enum(:each, max: max) unless block_given?

      loop do
        batch = poll(max: max, timeout: 60)
        begin
          until batch.empty?
            yield batch.first
            batch.shift
          end
        ensure
          unread(batch) unless batch.empty?
        end
      end
    end

    # Reads partitions from where they are told to begin: `{ ["orders", 0] => :earliest }`, or an offset.
    def read(partitions)
      places = partitions.map do |(topic, partition), start|
        Placement.new(topic: topic, partition: partition, start: Flymq.start(start))
      end
      assign(places)
    end
  end

  # Where reading begins: :earliest, :latest, an offset, or a Time.
  def self.start(start)
    case start
    when :earliest then StartOffset::EARLIEST.new
    when :latest then StartOffset::LATEST.new
    when Integer then StartOffset::AT.new(offset: start)
    when Time then StartOffset::SINCE.new(timestamp_ms: (start.to_r * 1000).to_i)
    when StartOffset then start
    else raise ArgumentError, "reading begins at :earliest, :latest, an offset or a Time, not #{start.inspect}"
    end
  end

  class Message
    # The value as text.
    def text = value&.dup&.force_encoding(Encoding::UTF_8)
  end

  class EmbeddedBroker
    # Starts a broker, and with a block runs that and stops it.
    def self.start(data_dir: nil, port: 0, fsync: true, users: nil)
      broker = new(data_dir, port, fsync)
      broker.users(users) if users
      broker.start
      block_given? ? Flymq.closing(broker) { yield broker } : broker
    end
  end

  class Keyring
    # Nothing of a key is shown.
    def inspect = "#<Flymq::Keyring #{ids.join(', ')}>"
  end
end
