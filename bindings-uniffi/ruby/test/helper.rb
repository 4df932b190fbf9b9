# frozen_string_literal: true

require "json"
require "minitest/autorun"
require "open3"
require "tmpdir"
require "flymq"

ROOT = File.expand_path("../../..", __dir__)
LONG = 60

def conformance(file) = JSON.parse(File.read(File.join(ROOT, "conformance", file)))

def with_client(**options)
  Flymq::EmbeddedBroker.start(fsync: false) do |broker|
    Flymq.connect(broker.address, **options) { |client| yield broker, client }
  end
end

# Tries again until it is so.
def wait_until(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + LONG
  until yield
    raise "waited too long until #{what}" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
  end
end

# The helper of the tests, while the block runs; it is given the first line that the helper prints.
def peer(*arguments)
  command = [ENV.fetch("FLYMQ_PYTHON"), File.join(ROOT, "bindings-uniffi/tests/peer.py"), *arguments]
  Open3.popen2(*command) do |input, output, waiter|
    line = output.gets&.chomp
    raise "the helper has failed" if line.nil? && !waiter.value.success?

    yield line
    input.close
  end
end
