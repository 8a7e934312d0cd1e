# frozen_string_literal: true

require "net/http"
require "uri"

# Fetches the comments of a page while the site is built. Without this plugin (GitHub Pages runs none of a site's own)
# Jekyll passes over the filter, and readers see the comments by the widget alone.
module Comments
  SECONDS = 10

  # Return the approved comments of the page at an address as HTML, nothing where the service does not answer.
  def comments_of(address)
    config = @context.registers[:site].config
    service = config.dig("comments", "service")
    asked = URI.encode_www_form(page_url: address, lang: config["lang"] || "en")
    uri = URI("#{service}/embed/comments.html?#{asked}")
    answer = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https", open_timeout: SECONDS,
                                                 read_timeout: SECONDS) { |http| http.get(uri.request_uri) }
    return answer.body.force_encoding(Encoding::UTF_8) if answer.is_a?(Net::HTTPSuccess)

    Jekyll.logger.warn("Comments:", "#{answer.code} for #{address}")
    ""
  rescue SystemCallError, SocketError, Timeout::Error => e
    Jekyll.logger.warn("Comments:", "#{e.class} for #{address}")
    ""
  end
end

Liquid::Template.register_filter(Comments)
