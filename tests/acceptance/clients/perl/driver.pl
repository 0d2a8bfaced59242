# A login with Net::Facebook::Oauth2: the address of the dialog, the exchange, a call; JSON in and out.
use strict;
use warnings;
use JSON::PP qw(decode_json encode_json);
use Net::Facebook::Oauth2;

my $asked = decode_json(do { local $/; <STDIN> });
my $facebook = Net::Facebook::Oauth2->new(
    application_id     => $asked->{app_id},
    application_secret => $asked->{app_secret},
    callback           => $asked->{callback},
    authorize_url      => "$asked->{base}/dialog/oauth",
    access_token_url   => "$asked->{base}/oauth/access_token",
    debug_token_url    => "$asked->{base}/debug_token",
    access_token       => $asked->{token},
);
my $does = {
    url    => sub { { url => $facebook->get_authorization_url(scope => ['email', 'pages_show_list']) } },
    token  => sub { { token => $facebook->get_access_token(code => $asked->{code}) } },
    longer => sub { { token => $facebook->get_long_lived_token(access_token => $asked->{token}) } },
    get    => sub { { body => $facebook->get("$asked->{base}/$asked->{path}")->as_hash } },
    debug  => sub { { found => $facebook->debug_token(input => $asked->{token}) } },
};
my $answer = eval { $does->{ $asked->{does} }->() } // { died => "$@" };
print encode_json($answer), "\n";
