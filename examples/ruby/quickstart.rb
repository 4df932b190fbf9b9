# frozen_string_literal: true

# Stores a record in a broker of its own, and reads it back.

require "flymq"

Flymq::EmbeddedBroker.start do |broker|
  Flymq.connect(broker.address) do |client|
    client.create_topic("greetings")
    client.produce("greetings", "hello, world", key: "en")
    client.consumer do |consumer|
      consumer.read(["greetings", 0] => :earliest)
      consumer.each do |message|
        puts "#{message.key}: #{message.text}"
        break
      end
    end
  end
end
