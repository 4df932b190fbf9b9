# frozen_string_literal: true

require "io/wait"
require "rbconfig"
require_relative "flymq/version"

# The FlyMQ client. Begin with Flymq.connect.
module Flymq
  # The native library: that of the gem, or the one that FLYMQ_LIBRARY names.
  LIBRARY = ENV.fetch("FLYMQ_LIBRARY") do
    File.join(__dir__, "flymq", "libflymq_uniffi.#{RbConfig::CONFIG['SOEXT']}")
  end
end

require_relative "flymq/generated"
require_relative "flymq/waiting"
require_relative "flymq/idioms"
